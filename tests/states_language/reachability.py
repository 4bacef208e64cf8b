"""
Reachability of the states of a state machine.
"""

from harness.states_language.machine import Choice, Map, Parallel, Task


def targets(state):
    """Return the names of the states that may come after a state."""
    following = (state.next,) if state.next else ()
    if isinstance(state, Choice):
        following += tuple(rule.next for rule in state.choices)
        following += (state.default,) if state.default else ()
    if isinstance(state, Task | Parallel | Map):
        following += tuple(catcher.next for catcher in state.catch)
    return following


def unreachable(flow):
    """Return the names of states, at any depth, that no path leads to."""
    seen, to_visit = set(), [flow.start_at]
    while to_visit:
        name = to_visit.pop()
        if name not in seen:
            seen.add(name)
            to_visit.extend(targets(flow.states[name]))
    found = [name for name in flow.states if name not in seen]
    for state in flow.states.values():
        inner = state.branches if isinstance(state, Parallel) else ()
        for each in (state.processor,) if isinstance(state, Map) else inner:
            found += unreachable(each)
    return tuple(found)
