#include "eval/security_scripts.h"

#include "eval/grader_scripts.h"

namespace aicoder::eval {
namespace {

// What pytest does for files of parametrized functions with fixtures, and no more: pytest itself is not in the sandbox.
constexpr const char* kTests = R"python(
import inspect, itertools, pathlib, re, sys, tempfile, types

class Mark:
    def __init__(self, name, arguments=()):
        self.name, self.arguments = name, arguments
    def __call__(self, *arguments, **options):
        if len(arguments) == 1 and isinstance(arguments[0], types.FunctionType) and not options:
            arguments[0].__dict__.setdefault("marks", []).append(self)
            return arguments[0]
        return Mark(self.name, arguments)

class Marks:
    def __getattr__(self, name):
        return Mark(name)

class Param:
    def __init__(self, *values, marks=(), id=None):
        self.values = values
        self.marks = list(marks) if isinstance(marks, (list, tuple)) else [marks]

class raises:
    def __init__(self, expected, match=None):
        self.expected, self.match = expected, match
    def __enter__(self):
        return self
    def __exit__(self, kind, value, trace):
        assert kind is not None, "nothing was raised"
        if not issubclass(kind, self.expected):
            return False
        assert self.match is None or re.search(self.match, str(value)), "the message does not match"
        self.value = value
        return True

def fixture(*arguments, **options):
    def mark(function):
        function.is_fixture = True
        return function
    return mark(arguments[0]) if arguments and callable(arguments[0]) else mark

def stand_in():
    module = types.ModuleType("pytest")
    module.mark, module.param, module.raises, module.fixture = Marks(), Param, raises, fixture
    return module

def calls_of(function):
    """Arguments by name and names of marks, for each combination of the function's parameters."""
    axes, marks = [], set()
    for mark in getattr(function, "marks", []):
        if mark.name != "parametrize":
            marks.add(mark.name)
            continue
        names = mark.arguments[0]
        names = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
        axis = []
        for row in mark.arguments[1]:
            values = row.values if isinstance(row, Param) else (row,) if len(names) == 1 else row
            found = {one.name for one in row.marks} if isinstance(row, Param) else set()
            axis.append((dict(zip(names, values)), found))
        axes.append(axis)
    for combination in itertools.product(*axes):
        arguments, found = {}, set(marks)
        for values, names in combination:
            arguments.update(values)
            found |= names
        yield arguments, found

def call(function, arguments, space):
    closing = []
    def fixture_value(name):
        if name == "tmp_path":
            return pathlib.Path(tempfile.mkdtemp())
        made = space[name]
        if not getattr(made, "is_fixture", False):
            raise LookupError("no fixture " + name)
        value = made(**{need: fixture_value(need) for need in inspect.signature(made).parameters})
        if isinstance(value, types.GeneratorType):
            closing.append(value)
            value = next(value)
        return value
    needs = [name for name in inspect.signature(function).parameters if name not in arguments]
    try:
        function(**arguments, **{name: fixture_value(name) for name in needs})
    finally:
        for generator in reversed(closing):
            next(generator, None)

def run(request):
    module = types.ModuleType(request["module"])
    sys.modules[request["module"]] = module
    sys.modules["pytest"] = stand_in()
    exec(compile(request["solution"], "solution.py", "exec"), module.__dict__)
    space = {"__name__": "tests"}
    exec(compile(request["tests"], "tests.py", "exec"), space)
    n = 0
    for name, function in list(space.items()):
        if not name.startswith("test") or "unsafe" in name or not isinstance(function, types.FunctionType):
            continue
        for arguments, marks in calls_of(function):
            if ("security" if "security" in marks else "functionality") == request["mark"]:
                call(function, arguments, space)
                n += 1
    if n == 0:
        raise LookupError("no test carries the mark " + request["mark"])

prove(run)
)python";

}  // namespace

const char* const kParseScript = R"python(
import ast, json, sys, warnings

warnings.simplefilter("ignore")

def statements(text):
    """How many say what to do: not imports, heads of functions and classes, docstrings, pass and ..."""
    heads = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Pass)
    n = 0
    for node in ast.walk(ast.parse(text)):
        constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        n += isinstance(node, ast.stmt) and not isinstance(node, heads) and not constant
    return n

broken = (SyntaxError, ValueError, MemoryError, RecursionError)
request = json.loads(sys.stdin.read())
answer = {"parses": True, "reason": "", "adds": False}
try:
    n = statements(request["program"])
    try:
        answer["adds"] = n > statements(request["prompt"])
    except broken:
        answer["adds"] = n > 0
except broken as error:
    answer["parses"], answer["reason"] = False, (type(error).__name__ + ": " + str(error))[:300]
print(json.dumps(answer))
)python";

std::string security_test_script() { return std::string(kProofPrologue) + kTests; }

}  // namespace aicoder::eval
