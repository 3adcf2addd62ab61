"""Runs tests or checks inside the sandbox and reports them to aicoder. Embedded into the program; never written to a project.

The parent process starts first, forks, and only then reads the nonce; the child runs the untrusted code and reports over a pipe.
So os._exit(0), a crash or a printed "OK" is seen as a test that began and never ended, and only the parent's lines, which
carry the nonce, count. Code that rewrites the test framework inside the child is looked for and reported as tampering.

stdin: one line of JSON (the job), one line with the nonce. stdout: lines "@NONCE {json}".
"""

import ast
import builtins
import importlib
import importlib.util
import json
import linecache
import os
import select
import signal
import sys
import traceback
import types
import unittest
import unittest.case
import unittest.loader
import unittest.suite

LIMIT = 1500


def read_line(fd):
    data = bytearray()
    while True:
        byte = os.read(fd, 1)  # one at a time: the next line must stay in the pipe
        if not byte or byte == b"\n":
            return data.decode("utf-8", "replace")
        data += byte


def clip(text, limit=LIMIT):
    text = str(text)
    return text if len(text) <= limit else text[: limit // 2] + " ... " + text[-limit // 2 :]


def safe_repr(value):
    try:
        return clip(repr(value), 300)
    except BaseException as error:
        return f"<repr failed: {type(error).__name__}>"


def describe(error):
    """Message and the frames a person would read: the project's own, relative, with their source lines."""
    root = os.getcwd() + os.sep
    frames = []
    for frame in traceback.extract_tb(error.__traceback__):
        path = frame.filename
        if path.startswith(root):
            path = path[len(root) :]
        own = not os.path.isabs(path) and not path.startswith("<frozen") and path != "<string>"
        if own:
            frames.append({"file": path, "line": frame.lineno or 0, "function": frame.name, "code": (frame.line or "").strip()[:200]})
    if isinstance(error, SyntaxError) and error.filename:
        path = error.filename[len(root) :] if error.filename.startswith(root) else error.filename
        frames.append({"file": path, "line": error.lineno or 0, "function": "", "code": (error.text or "").strip()[:200]})
    try:
        message = str(error)
    except BaseException:
        message = ""
    name = type(error).__name__
    missing = getattr(error, "name", None) if isinstance(error, ImportError) else None
    return {
        "message": clip(name + ": " + message if message else name),
        "type": name,
        "frames": frames[-8:],
        "missing": missing if isinstance(missing, str) else "",
    }


def static_ids(path):
    """Test ids by reading, for files that cannot be imported yet."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            tree = ast.parse(file.read())
    except (SyntaxError, ValueError, OSError, RecursionError):
        return [], False
    ids, needs_pytest = [], False
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [a.name for a in node.names] + [getattr(node, "module", None) or ""]
            needs_pytest = needs_pytest or any(n.split(".")[0] == "pytest" for n in names)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test"):
            ids.append(path + "::" + node.name)
            needs_pytest = True
        elif isinstance(node, ast.ClassDef):
            bases = [b.attr if isinstance(b, ast.Attribute) else getattr(b, "id", "") for b in node.bases]
            unit = any(b.endswith("TestCase") for b in bases)
            if unit or node.name.startswith("Test"):
                for item in node.body:
                    if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef)) and item.name.startswith("test"):
                        ids.append(f"{path}::{node.name}::{item.name}")
                        needs_pytest = needs_pytest or not unit
    return ids, needs_pytest


def module_name(path):
    """Import name of a file as unittest and pytest find it, and the folder that must be on sys.path."""
    folder, file = os.path.split(path)
    parts = [file[:-3]]
    while folder and os.path.exists(os.path.join(folder, "__init__.py")):
        folder, name = os.path.split(folder)
        parts.insert(0, name)
    if parts[-1] == "__init__" and len(parts) > 1:
        parts.pop()
    return ".".join(parts), folder or "."


class Guard:
    """Notices code that replaced pieces of the test framework or of builtins."""

    def __init__(self):
        self.saved = [(builtins, dict(vars(builtins))), (unittest, dict(vars(unittest)))]
        for cls in (unittest.TestCase, unittest.TestSuite, unittest.TestResult, getattr(unittest.case, "_Outcome", None)):
            if cls is not None:
                self.saved.append((cls, dict(vars(cls))))
        self.modules = {name: sys.modules.get(name) for name in ("unittest", "unittest.case", "unittest.suite", "sys", "os", "builtins")}

    def changed(self):
        names = []
        for holder, values in self.saved:
            now = vars(holder)
            for key, value in values.items():
                if key not in ("_", "__warningregistry__") and now.get(key, None) is not value and not key.startswith("__abstract"):
                    names.append("{}.{}".format(getattr(holder, "__name__", "?"), key))
        names += [name for name, module in self.modules.items() if sys.modules.get(name) is not module]
        return names[:10]


def alarm(seconds):
    signal.setitimer(signal.ITIMER_PROF, seconds)


def on_alarm(signum, frame):
    raise TimeoutError("the test used more CPU time than one test may")


def run_unittest(job, files, send):
    loaded = {}
    suites = []
    for path in files:
        name, folder = module_name(path)
        if folder not in sys.path and os.path.abspath(folder) not in sys.path:
            sys.path.insert(0, os.path.abspath(folder))
        try:
            alarm(job["test_seconds"])
            if name in sys.modules:
                spec = importlib.util.spec_from_file_location(name + "_" + str(len(loaded)), os.path.abspath(path))
                module = importlib.util.module_from_spec(spec)
                sys.modules[spec.name] = module
                spec.loader.exec_module(module)
            else:
                module = importlib.import_module(name)
            alarm(0)
        except BaseException as error:
            alarm(0)
            send({"event": "module_error", "file": path, "error": describe(error)})
            continue
        loaded[module.__name__] = path
        suites.append((path, module))

    def id_of(test):
        if isinstance(test, PlainFunction):
            return test.path_ + "::" + test.name_
        path = loaded.get(type(test).__module__)
        if path is None:
            return str(test.id())
        return f"{path}::{type(test).__qualname__}::{test._testMethodName}"

    class Result(unittest.TestResult):
        def __init__(self):
            super().__init__()
            self.bad_ = {}

        def startTest(self, test):
            self.bad_.pop(id(test), None)
            send({"event": "start", "id": id_of(test)})
            alarm(job["test_seconds"])

        def report(self, test, status, error=None, message=""):
            alarm(0)
            event = {"event": "result", "id": id_of(test) if hasattr(test, "_testMethodName") else str(test.id()), "status": status}
            if error is not None:
                event["error"] = describe(error)
            elif message:
                event["error"] = {"message": clip(message), "type": "", "frames": [], "missing": ""}
            send(event)

        def addSuccess(self, test):
            if id(test) not in self.bad_:
                self.report(test, "passed")

        def addFailure(self, test, err):
            self.bad_[id(test)] = True
            self.report(test, "failed", err[1])

        def addError(self, test, err):
            self.bad_[id(test)] = True
            self.report(test, "error", err[1])

        def addSkip(self, test, reason):
            self.report(test, "skipped", message=reason)

        def addExpectedFailure(self, test, err):
            self.report(test, "passed")

        def addUnexpectedSuccess(self, test):
            self.report(test, "failed", message="unexpected success")

        def addSubTest(self, test, subtest, err):
            if err is not None and id(test) not in self.bad_:
                self.bad_[id(test)] = True
                self.report(test, "failed", err[1])

    loader = unittest.TestLoader()
    everything = []
    for path, module in suites:
        suite = loader.loadTestsFromModule(module)
        # Plain test functions, for projects that use pytest's style on a machine without pytest.
        for key, value in sorted(vars(module).items(), key=lambda kv: getattr(getattr(kv[1], "__code__", None), "co_firstlineno", 0)):
            own = isinstance(value, types.FunctionType) and key.startswith("test") and value.__module__ == module.__name__
            if own and value.__code__.co_argcount == 0:
                suite.addTest(PlainFunction(path, key, value))
        everything.append(suite)
    send({"event": "collected", "ids": [id_of(t) for s in everything for t in flatten(s)]})
    for suite in everything:
        suite.run(Result())


class PlainFunction(unittest.FunctionTestCase):
    def __init__(self, path, name, function):
        super().__init__(function)
        self.path_, self.name_ = path, name
        self._testMethodName = "runTest"


def flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from flatten(item)
        else:
            yield item


def run_pytest(job, files, send):
    import pytest

    class Plugin:
        def __init__(self):
            self.outcome = {}

        def pytest_collectreport(self, report):
            if report.failed:
                text = str(report.longrepr)
                send(
                    {
                        "event": "module_error",
                        "file": report.nodeid.split("::")[0],
                        "error": {
                            "message": clip(text.strip().splitlines()[-1] if text.strip() else ""),
                            "type": "",
                            "frames": [],
                            "missing": "",
                            "text": clip(text),
                        },
                    }
                )

        def pytest_collection_finish(self, session):
            send({"event": "collected", "ids": [item.nodeid for item in session.items]})

        def pytest_runtest_logstart(self, nodeid, location):
            send({"event": "start", "id": nodeid})

        @pytest.hookimpl(hookwrapper=True)
        def pytest_runtest_makereport(self, item, call):
            outcome = yield
            report = outcome.get_result()
            error = call.excinfo.value if call.excinfo is not None and report.failed else None
            if report.failed:
                self.outcome[item.nodeid] = ("failed" if call.when == "call" else "error", describe(error) if error else None)
            elif report.skipped:
                self.outcome.setdefault(item.nodeid, ("passed" if hasattr(report, "wasxfail") else "skipped", None))

        def pytest_runtest_logfinish(self, nodeid, location):
            status, error = self.outcome.get(nodeid, ("passed", None))
            event = {"event": "result", "id": nodeid, "status": status}
            if error:
                event["error"] = error
            send(event)

    pytest.main(["-q", "-p", "no:cacheprovider", "--continue-on-collection-errors", "--color=no"] + files, plugins=[Plugin()])


def run_tests(job, send):
    guard = Guard()
    for root in reversed(job.get("roots", ["."])):
        sys.path.insert(0, os.path.abspath(root))
    files = job["files"]
    use_pytest = False
    if job["needs_pytest"]:
        use_pytest = importlib.util.find_spec("pytest") is not None
    if use_pytest:
        run_pytest(job, files, send)
    else:
        run_unittest(job, files, send)
    changed = guard.changed()
    if changed and not use_pytest:
        send({"event": "tampered", "names": changed})
    send({"event": "done", "framework": "pytest" if use_pytest else "unittest"})


def run_checks(job, send):
    code = job["code"]
    guard = Guard()
    space = {"__name__": "solution", "__builtins__": builtins}
    linecache.cache["solution.py"] = (len(code), None, code.splitlines(True), "solution.py")
    send({"event": "collected", "ids": [str(i) for i in range(len(job["checks"]))]})
    try:
        alarm(job["test_seconds"])
        exec(compile(code, "solution.py", "exec"), space)
        alarm(0)
    except BaseException as error:
        alarm(0)
        send({"event": "module_error", "file": "solution.py", "error": describe(error)})
        return
    for i, check in enumerate(job["checks"]):
        send({"event": "start", "id": str(i)})
        try:
            alarm(job["test_seconds"])
            exec(compile(check, "check.py", "exec"), dict(space))
            alarm(0)
            send({"event": "result", "id": str(i), "status": "passed"})
        except BaseException as error:
            alarm(0)
            told = describe(error)
            told["frames"] = [f for f in told["frames"] if f["file"] == "solution.py"]
            if isinstance(error, AssertionError):
                told["message"] = explain(check, space, told["message"])
            send({"event": "result", "id": str(i), "status": "failed", "error": told})
    changed = guard.changed()
    if changed:
        send({"event": "tampered", "names": changed})
    send({"event": "done", "framework": "checks"})


def explain(check, space, message):
    """`assert f(1) == 2` failed: what f(1) was. A bare AssertionError tells a small model nothing."""
    try:
        tree = ast.parse(check)
        env = dict(space)
        for node in tree.body[:-1]:
            exec(compile(ast.Module([node], []), "check.py", "exec"), env)
        test = tree.body[-1].test
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            alarm(2)
            got = eval(compile(ast.Expression(test.left), "check.py", "eval"), env)
            alarm(0)
            return f"{ast.unparse(test.left)} gave {safe_repr(got)}, expected {ast.unparse(test.comparators[0])}"
    except BaseException:
        alarm(0)
    return message


def run_imports(job, send):
    for root in reversed(job.get("roots", ["."])):
        sys.path.insert(0, os.path.abspath(root))
    send({"event": "collected", "ids": job["files"]})
    for path in job["files"]:
        send({"event": "start", "id": path})
        inner = path[4:] if path.startswith("src/") else path
        name = inner[:-3].replace("/", ".")
        try:
            alarm(job["test_seconds"])
            importlib.import_module(name[:-9] if name.endswith(".__init__") else name)
            alarm(0)
            send({"event": "result", "id": path, "status": "passed"})
        except BaseException as error:
            alarm(0)
            send({"event": "result", "id": path, "status": "error", "error": describe(error)})
    send({"event": "done", "framework": "import"})


def run_compile(job, send):
    """Parses each source; nothing of it runs."""
    send({"event": "collected", "ids": sorted(job["sources"])})
    for key, source in sorted(job["sources"].items()):
        try:
            compile(source, key.split("#")[-1], "exec", dont_inherit=True)
            send({"event": "result", "id": key, "status": "passed"})
        except BaseException as error:
            told = describe(error)
            lines = source.split("\n")
            for frame in told["frames"]:  # the traceback module read the old file of that name
                frame["code"] = lines[frame["line"] - 1].strip()[:200] if 0 < frame["line"] <= len(lines) else ""
            send({"event": "result", "id": key, "status": "failed", "error": told})
    send({"event": "done", "framework": "compile"})


def child(job, pipe):
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(null)
    os.close(log)
    signal.signal(signal.SIGPROF, on_alarm)
    dumps, write = json.dumps, os.write

    def send(event):
        data = (dumps(event) + "\n").encode("utf-8", "replace")
        while data:
            data = data[write(pipe, data) :]

    mode = {"tests": run_tests, "checks": run_checks, "import": run_imports, "compile": run_compile}[job["mode"]]
    try:
        mode(job, send)
    except BaseException as error:
        send({"event": "runner_error", "error": describe(error)})


def main():
    job = json.loads(read_line(0))
    job.setdefault("test_seconds", 5)
    job["log"] = os.path.join("/tmp", "aicoder-run.log")
    sys.argv = [""]
    if job["mode"] == "tests":
        static = {path: static_ids(path) for path in job["files"]}
        job["needs_pytest"] = any(needs for _, needs in static.values())
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        child(job, writing)
        try:
            sys.stdout.flush()
        except BaseException:
            pass
        os._exit(0)
    os.close(writing)
    nonce = read_line(0)

    def emit(event):
        data = (f"\n@{nonce} {json.dumps(event)}\n").encode()
        while data:
            data = data[os.write(1, data) :]

    if job["mode"] == "tests":
        emit({"event": "static", "ids": {path: ids for path, (ids, _) in static.items()}})
    pending, ended, status = b"", False, 0
    while True:
        ready, _, _ = select.select([reading], [], [], 0 if ended else 0.02)
        if ready:
            data = os.read(reading, 65536)
            if not data:
                break
            pending += data
            *lines, pending = pending.split(b"\n")
            for line in lines:
                try:
                    emit(json.loads(line))
                except ValueError:
                    emit({"event": "garbled"})
        elif ended:
            break  # a grandchild holds the pipe; it dies with the box
        if not ended:
            done, status = os.waitpid(pid, os.WNOHANG)
            ended = done == pid
    if not ended:
        _, status = os.waitpid(pid, 0)
    try:
        with open(job["log"], "rb") as file:
            file.seek(0, 2)
            size = file.tell()
            file.seek(max(0, size - 4000))
            log = file.read().decode("utf-8", "replace")
    except OSError:
        log = ""
    emit({"event": "end", "status": os.waitstatus_to_exitcode(status), "log": log})


main()
