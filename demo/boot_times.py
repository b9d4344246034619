"""What the boot spent its time on, longest steps first, with a bar for each."""

import polyglot


def main():
    steps = sorted(polyglot.boot(), key=lambda step: -step.duration_us)
    longest = steps[0].duration_us or 1
    for step in steps:
        bar = "#" * round(40 * step.duration_us / longest)
        print(f"{step.duration_us / 1000:10.2f} ms  {step.name:<28} {bar}")


main()
