import unittest

from sessions import SessionStore
from users import UserStore


class UserStoreTest(unittest.TestCase):
    def test_keeps_the_hash_of_a_user(self):
        users = UserStore()
        users.add("ada", "some hash")
        self.assertEqual(users.password_hash("ada"), "some hash")
        self.assertEqual(users.count(), 1)

    def test_unknown_user_has_no_hash(self):
        self.assertIsNone(UserStore().password_hash("nobody"))

    def test_name_can_be_used_once(self):
        users = UserStore()
        users.add("ada", "x")
        with self.assertRaises(ValueError):
            users.add("ada", "y")


class SessionStoreTest(unittest.TestCase):
    def test_token_belongs_to_its_user(self):
        sessions = SessionStore()
        token = sessions.create("ada")
        self.assertEqual(sessions.name_of(token), "ada")
        self.assertIsNone(sessions.name_of("made up"))


if __name__ == "__main__":
    unittest.main()
