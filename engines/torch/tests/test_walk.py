"""Answers are found in ids whose pictures are expanded; what cannot be met one to one is refused."""

from __future__ import annotations

import unittest

from tive_torch.walk import Mismatch, TextToken, supervised_positions, text_tokens

PICTURE = 99


def tokens(given: str) -> list[TextToken]:
    """Tokens written as numbers; `*` after one says that it is supervised, `P` is a placeholder."""
    found = []
    for part in given.split():
        number = PICTURE if part == "P" else int(part.rstrip("*"))
        found.append(TextToken(number, part.endswith("*")))
    return found


def positions(given: str, ids: str) -> list[int]:
    return supervised_positions(tokens(given), {PICTURE}, [int(part) for part in ids.split()])


class WalkTest(unittest.TestCase):
    def test_without_pictures_every_token_stands_where_it_stood(self) -> None:
        self.assertEqual(positions("1 2 3* 4* 5", "1 2 3 4 5"), [2, 3])

    def test_behind_a_picture_answers_are_found_from_the_end(self) -> None:
        self.assertEqual(positions("1 P 2 3*", "1 99 99 99 2 3"), [5])

    def test_frames_and_rows_around_pictures_are_passed(self) -> None:
        self.assertEqual(positions("1 P 2 3* 4", "1 50 51 99 52 51 99 50 2 3 4"), [9])

    def test_an_answer_between_pictures_is_found(self) -> None:
        self.assertEqual(positions("1 P 2 3* 4 P 5 6*", "1 99 99 2 3 4 99 99 99 5 6"), [4, 10])

    def test_an_answer_before_the_first_picture_is_found(self) -> None:
        self.assertEqual(positions("1 2* 3 P 4 5*", "1 2 3 99 99 4 5"), [1, 6])

    def test_pictures_that_follow_one_another_are_passed(self) -> None:
        self.assertEqual(positions("1 P P 2 3*", "1 99 99 50 99 99 2 3"), [7])

    def test_a_token_beside_a_picture_may_merge_with_its_frame(self) -> None:
        self.assertEqual(positions("1 2 3* 7 P 8 4 5*", "1 2 3 78 99 99 87 4 5"), [2, 8])

    def test_a_supervised_token_beside_a_picture_must_not_merge(self) -> None:
        with self.assertRaises(Mismatch):
            positions("1 P 2* 3*", "1 99 99 92 3")

    def test_texts_without_answers_are_not_looked_for(self) -> None:
        self.assertEqual(positions("1 P 2 P 3 4*", "7 99 8 8 8 99 3 4"), [7])

    def test_other_tokens_in_an_answers_text_are_refused(self) -> None:
        for given, ids in (
            ("1 2 3*", "1 2 4"),
            ("1 2 3*", "1 2 3 4"),
            ("1 2* P 3", "2 2 99 3"),
            ("1 P 2 3 4 5* 6", "1 99 2 9 4 5 6 6"),
        ):
            with self.assertRaises(Mismatch):
                positions(given, ids)

    def test_a_placeholder_in_an_answer_is_refused(self) -> None:
        with self.assertRaises(Mismatch):
            supervised_positions([TextToken(PICTURE, True)], {PICTURE}, [PICTURE, PICTURE])


class TextTokensTest(unittest.TestCase):
    def test_tokens_within_a_span_are_supervised(self) -> None:
        found = text_tokens([1, 2, 3, 4], [(0, 0), (0, 2), (2, 4), (4, 5)], [(2, 4)], "abcde")
        self.assertEqual([token.supervised for token in found], [False, False, True, False])

    def test_bytes_of_one_character_share_its_span(self) -> None:
        found = text_tokens([1, 2, 3], [(0, 1), (1, 2), (1, 2)], [(1, 2)], "aé")
        self.assertEqual([token.supervised for token in found], [False, True, True])

    def test_a_token_over_a_bound_is_refused(self) -> None:
        for spans in ([(1, 3)], [(0, 1)]):
            with self.assertRaises(Mismatch):
                text_tokens([1, 2], [(0, 2), (2, 3)], spans, "abc")

    def test_a_space_that_offsets_leave_out_belongs_to_its_token(self) -> None:
        self.assertTrue(text_tokens([1, 2], [(0, 1), (2, 3)], [(1, 3)], "a b")[1].supervised)
        with self.assertRaises(Mismatch):
            text_tokens([1, 2], [(0, 1), (2, 3)], [(2, 3)], "a b")


if __name__ == "__main__":
    unittest.main()
