#include "eval/repair_checks.h"

namespace aicoder::eval {

// A case is a call and what it gives; generators are drained, and tuples equal lists, because the cases are JSON. A driver is a program
// that builds graphs or linked lists, calls the function and prints: it runs with the fixed program and with the answer, and what the
// calls returned must agree. What it prints is not compared: the order of a set or a dict is no mistake.
const char* const kRepairChecks = R"python(
import json, re, types

class Node:
    def __init__(self, value=None, successor=None, successors=None, predecessors=None, incoming_nodes=None, outgoing_nodes=None):
        self.value, self.successor = value, successor
        self.successors, self.predecessors = successors or [], predecessors or []
        self.incoming_nodes, self.outgoing_nodes = incoming_nodes or [], outgoing_nodes or []

def plain(value):
    if isinstance(value, types.GeneratorType):
        value = list(value)
    return [plain(part) for part in value] if isinstance(value, (list, tuple)) else value

def run_case(function, case, tolerance=None):
    arguments, expected = json.loads(case)
    result = plain(function(*arguments))
    if tolerance is None:
        assert result == expected
    else:
        assert abs(result - expected) <= tolerance

def describe(value):
    if isinstance(value, Node):
        chain, seen = [], set()
        while isinstance(value, Node) and id(value) not in seen:
            seen.add(id(value))
            chain.append(value.value)
            value = value.successor
        return ("chain", tuple(chain), value is None)
    if isinstance(value, dict):
        return {describe(key): describe(part) for key, part in value.items()}
    for kind in (list, tuple, set):
        if isinstance(value, kind):
            return kind(describe(part) for part in value)
    return value

def calls_of(name, function, driver):
    calls = []
    def recorded(*arguments):
        result = function(*arguments)
        calls.append(describe(result))
        return result
    space = {"__name__": "driver", "Node": Node, name: recorded}
    exec(compile(re.sub(r"(?m)^from \..*$", "", driver), "driver.py", "exec"), space)
    space["main"]()
    return calls

def run_driver(name, function, fixed, driver):
    space = {"__name__": "fixed"}
    exec(compile(fixed, "fixed.py", "exec"), space)
    expected = calls_of(name, space[name], driver)
    if not expected:
        raise RuntimeError("the driver calls nothing")
    assert calls_of(name, function, driver) == expected
)python";

}  // namespace aicoder::eval
