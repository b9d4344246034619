"""The live layer's targets in instructions (tools/bench_live.py). One machine; time inside is a count of instructions, so the numbers do not depend on this computer."""

import bench_live


def test_calls_of_live_code_cost_what_they_may():
    calls = bench_live.measure_calls(timeout=900)
    print(calls)
    assert 50 < calls["guard"] <= 150, calls
    assert 50 < calls["gate"] <= 150, calls
    assert calls["f(21)"] <= 1.5 * calls["abs(-21)"], calls
    assert calls["g(7, 3)"] <= 1.5 * calls["pow(7, 3)"], calls
    assert calls["polyglot.live.f(21)"] <= 1.5 * calls["outer.inner.abs(-21)"], calls
    assert calls["C -> python_function(i)"] <= 3 * calls["python_function(21)"], calls
