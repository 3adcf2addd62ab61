import unittest

from app import App


def post(path, **body):
    return {"method": "POST", "path": path, "body": body}


class HealthTest(unittest.TestCase):
    def test_counts_users(self):
        self.assertEqual(App().handle({"method": "GET", "path": "/health"}), {"status": 200, "body": {"users": 0}})

    def test_unknown_path_is_not_found(self):
        self.assertEqual(App().handle({"method": "GET", "path": "/nothing"})["status"], 404)


class RegisterTest(unittest.TestCase):
    def test_short_password_is_refused(self):
        self.assertEqual(App().handle(post("/register", name="ada", password="short"))["status"], 400)

    def test_registers_once(self):
        app = App()
        self.assertEqual(app.handle(post("/register", name="ada", password="correct horse"))["status"], 201)
        self.assertEqual(app.handle(post("/register", name="ada", password="correct horse"))["status"], 409)


class LoginTest(unittest.TestCase):
    def setUp(self):
        self.app = App()
        self.app.handle(post("/register", name="ada", password="correct horse"))

    def test_right_password_gives_a_token_that_works(self):
        answer = self.app.handle(post("/login", name="ada", password="correct horse"))
        self.assertEqual(answer["status"], 200)
        me = self.app.handle({"method": "GET", "path": "/me", "token": answer["body"]["token"]})
        self.assertEqual(me, {"status": 200, "body": {"name": "ada"}})

    def test_wrong_password_is_refused(self):
        answer = self.app.handle(post("/login", name="ada", password="wrong horse"))
        self.assertEqual(answer, {"status": 401, "body": {"error": "wrong name or password"}})

    def test_unknown_user_is_refused_in_the_same_words(self):
        answer = self.app.handle(post("/login", name="eve", password="correct horse"))
        self.assertEqual(answer, {"status": 401, "body": {"error": "wrong name or password"}})

    def test_nobody_is_logged_in_without_a_token(self):
        self.assertEqual(self.app.handle({"method": "GET", "path": "/me"})["status"], 401)


if __name__ == "__main__":
    unittest.main()
