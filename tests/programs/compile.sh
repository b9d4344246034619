# Writing, compiling and running C: executables, objects, libraries of objects, tcc -run, errors.
cat > hello.c <<'END'
#include <stdio.h>
int main(int argc, char **argv) { printf("hello %d %s\n", argc, argv[argc - 1]); return argc; }
END
tcc hello.c -o hello; ./hello a b; echo $?
tcc -run hello.c x; echo $?
echo 'int twice(int x) { return 2 * x; }' > lib.c
echo 'extern int twice(int); int printf(const char *, ...); int main(void) { printf("%d\n", twice(21)); return 0; }' > main.c
tcc -c lib.c; tcc -c main.c; tcc lib.o main.o -o both; ./both; tcc -ar rc liball.a lib.o; tcc main.c liball.a -o again; ./again
tcc -shared lib.c -o libtwice.so; tcc main.c ./libtwice.so -o shared; LD_LIBRARY_PATH=. ./shared
echo 'int main(void) { return x; }' > bad.c; tcc bad.c -o bad 2>&1; echo $?
echo 'int nothere(void); int main(void) { return nothere(); }' > undefined.c; tcc undefined.c -o u 2>&1; echo $?
tcc -E -P -DN=3 - <<< 'N + N'
echo '#include <math.h>
#include <stdio.h>
int main(void) { printf("%.6f %.6f\n", sqrt(2), pow(2, 0.5)); return 0; }' | tcc - -lm -o math; ./math
printf '#!/usr/bin/env -S tcc -run\n#include <stdio.h>\nint main(void) { puts("script in C"); return 0; }\n' > script.c; tcc -run script.c
for i in 1 2 3 4 5; do echo "int f$i(void) { return $i; }" > p$i.c; tcc -c p$i.c & done; wait; ls p*.o | wc -l
