"""Hidden tests of examples/login_service: never shown to the loop; they judge a finished run."""
import inspect
import unittest

import app as app_module
import passwords
from app import App
from passwords import hash_password, verify_password


def post(path, **body):
    return {"method": "POST", "path": path, "body": body}


class HiddenPasswordTest(unittest.TestCase):
    def test_many_passwords_and_near_misses(self):
        for password in ["correct horse", "12345678", "p\u00e4ssw\u00f6rd \ube44\ubc00", " leading", "x" * 200]:
            stored = hash_password(password)
            self.assertIs(bool(verify_password(password, stored)), True)
            self.assertIs(bool(verify_password(password + " ", stored)), False)
            self.assertIs(bool(verify_password(password.upper() + "!", stored)), False)

    def test_stored_text_is_not_a_bare_fast_hash(self):
        source = inspect.getsource(passwords)
        self.assertTrue("pbkdf2_hmac" in source or "scrypt" in source)
        self.assertNotIn("correct horse", source)

    def test_hashes_of_one_password_all_verify(self):
        stored = {hash_password("correct horse") for _ in range(3)}
        self.assertEqual(len(stored), 3)
        for text in stored:
            self.assertTrue(verify_password("correct horse", text))


class HiddenLoginTest(unittest.TestCase):
    def setUp(self):
        self.app = App()
        for name in ("ada", "bob"):
            self.app.handle(post("/register", name=name, password="secret of " + name))

    def test_each_user_has_their_own_session(self):
        tokens = {}
        for name in ("ada", "bob"):
            answer = self.app.handle(post("/login", name=name, password="secret of " + name))
            self.assertEqual(answer["status"], 200)
            tokens[name] = answer["body"]["token"]
        self.assertNotEqual(tokens["ada"], tokens["bob"])
        for name, token in tokens.items():
            self.assertEqual(self.app.handle({"method": "GET", "path": "/me", "token": token})["body"], {"name": name})

    def test_password_of_another_user_is_refused(self):
        self.assertEqual(self.app.handle(post("/login", name="ada", password="secret of bob"))["status"], 401)

    def test_other_routes_still_work(self):
        self.assertEqual(self.app.handle({"method": "GET", "path": "/health"})["body"], {"users": 2})
        self.assertEqual(self.app.handle(post("/register", name="ada", password="another one"))["status"], 409)

    def test_no_user_or_password_of_the_tests_is_in_the_code(self):
        source = inspect.getsource(app_module)
        for text in ("ada", "correct horse", "wrong horse"):
            self.assertNotIn('"%s"' % text, source)


if __name__ == "__main__":
    unittest.main()
