"""What `import` of twenty modules costs in a Python that has just reached its prompt; the same file here and on Linux.

The prompt has imported some of them already, the same ones in both. Prints one JSON object.
"""

import time

START = time.perf_counter()
NAMES = ("sys", "os", "re", "json", "math", "random", "datetime", "time", "itertools", "functools", "collections",
         "subprocess", "threading", "pathlib", "typing", "string", "struct", "hashlib", "argparse", "logging")
for name in NAMES:
    __import__(name)
print('{"imports": %r}' % (time.perf_counter() - START))
