#include "eval/grader_scripts.h"

namespace aicoder::eval {

// Does what evalplus/sanitize.py does (longest run of lines that parses; then imports, and those functions, classes and assignments
// that the entry point reaches), on Python's own syntax tree instead of tree-sitter's. It differs where the reference drops working
// code: a decorated function, and a generator function (it keeps functions that hold a `return` only). A comment after the last
// statement of a definition is cut, which the reference keeps.
const char* const kSanitizeScript = R"python(
import ast, json, sys, warnings

warnings.simplefilter("ignore")

def parses(text):
    try:
        ast.parse(text)
        return True
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False

def longest_code(text):
    lines = text.split("\n")
    if len(lines) > 1 and text.strip() and parses(text):
        return text
    weight = [0]
    for line in lines:
        weight.append(weight[-1] + bool(line.strip()))
    best, where = 0, (0, 0)
    for i in range(len(lines)):
        for j in range(len(lines) - 1, i, -1):
            size = weight[j + 1] - weight[i]
            if size <= best:
                break
            if parses("\n".join(lines[i:j + 1])):
                best, where = size, (i, j)
                break
    return "\n".join(lines[where[0]:where[1] + 1])

def names_in(node):
    found = set()
    for part in ast.walk(node):
        for field in ("id", "arg", "attr", "name", "asname", "module"):
            value = getattr(part, field, None)
            if isinstance(value, str):
                found.update(value.split("."))
        if isinstance(part, (ast.Global, ast.Nonlocal)):
            found.update(part.names)
    return found

def assigned_name(node):
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    for side in (target, node.value):
        if isinstance(side, ast.Name):
            return side.id
    return None

def gives_value(node):
    return any(isinstance(part, (ast.Return, ast.Yield, ast.YieldFrom)) for part in ast.walk(node))

def source(code, node):
    if getattr(node, "decorator_list", None):
        first = node.decorator_list[0].lineno - 1
        return "\n".join(code.split("\n")[first:node.end_lineno])
    return ast.get_source_segment(code, node)

def sanitize(text, entry_point):
    code = longest_code(text)
    if not parses(code):
        return code
    imports, definitions, seen = [], [], set()
    for node in ast.parse(code).body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            if getattr(node, "module", None) != "__future__":
                imports.append(node)
            continue
        if isinstance(node, ast.ClassDef):
            name = node.name
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            name = node.name
            if not gives_value(node):
                continue
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            name = assigned_name(node)
        else:
            continue
        if name not in seen:
            definitions.append((name, node))
            seen.add(name)
    uses = {name: names_in(node) for name, node in definitions}
    reachable, queue = {entry_point}, [entry_point]
    while queue:
        for name in uses.get(queue.pop(0), ()):
            if name not in reachable:
                reachable.add(name)
                queue.append(name)
    kept = imports + [node for name, node in definitions if name in reachable]
    return "\n".join(source(code, node) for node in kept).strip() or code

request = json.loads(sys.stdin.read())
print(json.dumps({"solution": sanitize(request["text"], request["entry_point"])}))
)python";

// The tests and the nonce come through standard input, so that no file the answer could read holds them. The answer's own output is
// swallowed, as the reference harness does: it is no part of the grade.
const char* const kProofPrologue = R"python(
import json, os, sys, traceback

class Sink:
    encoding = "utf-8"
    def write(self, text): return len(text)
    def flush(self): pass
    def isatty(self): return False

def prove(run):
    request = json.loads(sys.stdin.read())
    leave, write, proof, errors = os._exit, os.write, os.dup(1), os.dup(2)
    describe = traceback.format_exception_only
    sys.stdout = sys.stderr = Sink()
    try:
        run(request)
    except BaseException as error:
        write(errors, "".join(describe(type(error), error)).strip()[-2000:].encode("utf-8", "replace"))
        leave(1)
    write(proof, request["nonce"].encode())
    leave(0)
)python";

namespace {

constexpr const char* kTests = R"python(
def run(request):
    space = {"__name__": "solution"}
    exec(compile(request["solution"], "solution.py", "exec"), space)
    function = space[request["entry_point"]]
    tests = space if request["shares_namespace"] else {"__name__": "tests"}
    for text in request["setup"]:
        exec(compile(text, "setup.py", "exec"), tests)
    tests[request["entry_point"]] = function
    for text in request["tests"]:
        exec(compile(text, "tests.py", "exec"), tests)
    if request["calls_check"]:
        tests["check"](function)

prove(run)
)python";

}  // namespace

std::string grade_script() { return std::string(kProofPrologue) + kTests; }

}  // namespace aicoder::eval
