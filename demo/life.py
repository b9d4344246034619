"""Conway's game of life in the terminal; Ctrl-C ends it."""

import random
import time

WIDTH, HEIGHT, GENERATIONS = 60, 20, 200


def step(cells):
    def neighbours(x, y):
        return sum(((x + dx) % WIDTH, (y + dy) % HEIGHT) in cells
                   for dx in (-1, 0, 1) for dy in (-1, 0, 1) if dx or dy)

    return {(x, y) for x in range(WIDTH) for y in range(HEIGHT)
            if (count := neighbours(x, y)) == 3 or count == 2 and (x, y) in cells}


def main():
    cells = {(x, y) for x in range(WIDTH) for y in range(HEIGHT) if random.random() < 0.3}
    print("\033[2J", end="")
    for generation in range(GENERATIONS):
        rows = ("".join("O" if (x, y) in cells else " " for x in range(WIDTH)) for y in range(HEIGHT))
        print("\033[H" + "\n".join(rows) + f"\ngeneration {generation}  ", flush=True)
        cells = step(cells)
        time.sleep(0.05)


try:
    main()
except KeyboardInterrupt:
    print("stopped")
