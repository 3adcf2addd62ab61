import unittest

from passwords import hash_password, verify_password


class PasswordTest(unittest.TestCase):
    def test_right_password_is_accepted(self):
        self.assertTrue(verify_password("correct horse", hash_password("correct horse")))

    def test_wrong_password_is_refused(self):
        self.assertFalse(verify_password("wrong horse", hash_password("correct horse")))

    def test_hash_is_text_without_the_password(self):
        stored = hash_password("correct horse")
        self.assertIsInstance(stored, str)
        self.assertNotIn("correct horse", stored)

    def test_same_password_gives_different_hashes(self):
        self.assertNotEqual(hash_password("correct horse"), hash_password("correct horse"))


if __name__ == "__main__":
    unittest.main()
