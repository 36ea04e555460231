"""What the extractors promise, on small inputs made here."""

import struct
import sys
import unittest

sys.path.insert(0, "tools/demo_corpus")

import extract  # noqa: E402
from r_data import r_character_vector, r_database  # noqa: E402


class RDatabaseTest(unittest.TestCase):
    def test_every_object_of_a_database_comes_back(self):
        objects = [r_character_vector(["EMMA", "", "VOLUME I"]), r_character_vector(["ü"], version=2)]
        self.assertEqual(list(extract.r_streams(r_database(*objects))), objects)
        self.assertEqual(extract.r_strings(objects[0]), ["EMMA", "", "VOLUME I"])
        self.assertEqual(extract.r_strings(objects[1]), ["ü"])

    def test_a_missing_string_is_empty(self):
        self.assertEqual(extract.r_strings(r_character_vector(["a", None, "b"])), ["a", "", "b"])

    def test_damaged_bytes_are_an_error_at_every_cut(self):
        database = r_database(r_character_vector(["one", "two"]))
        for cut in range(1, len(database)):
            with self.assertRaises(extract.FormatError, msg=f"cut at {cut}"):
                for content in extract.r_streams(database[:cut]):
                    extract.r_strings(content)

    def test_another_kind_of_object_is_an_error(self):
        with self.assertRaisesRegex(extract.FormatError, "object type 19"):
            extract.r_strings(r_character_vector([])[:23] + struct.pack(">ii", 19, 0))

    def test_a_novel_is_cut_at_its_chapters(self):
        title, chapters = extract.novel_chapters(["", "EMMA", "", "CHAPTER I", "one", "CHAPTER II", "two"])
        self.assertEqual(title, "EMMA")
        self.assertEqual(chapters, ["EMMA", "CHAPTER I\none", "CHAPTER II\ntwo"])


class ScriptureTest(unittest.TestCase):
    def test_verses_are_grouped_by_chapter_without_their_numbers(self):
        printed = "Ge1:1 In the beginning.\nGe1:2 And the earth.\n1Sa2:3 Talk no more.\nnot a verse\n"
        self.assertEqual(
            extract.bible_chapters(printed),
            {"Ge1": "In the beginning.\nAnd the earth.", "1Sa2": "Talk no more."},
        )


class RoffTest(unittest.TestCase):
    def test_a_page_becomes_its_text(self):
        page = (
            '.\\" Copyright (c) somebody\n.TH CP 1 "2022" "x"\n.SH BEZEICHNUNG\ncp \\- Dateien kopieren\n.PP\n'
            ".BR open (2)\n\\fBcp\\fP [\\fI\\,OPTION\\/\\fP]\\(co und \\[lq]mehr\\[rq]\n.TP\n\\fB\\-a\\fP\nwie \\efoo\n"
        )
        self.assertEqual(
            extract.strip_roff(page),
            "BEZEICHNUNG\n\ncp - Dateien kopieren\n\nopen(2)\ncp [OPTION]© und “mehr”\n\n-a\nwie \\foo\n",
        )

    def test_macro_definitions_and_tables_are_left_out(self):
        self.assertEqual(
            extract.strip_roff("a\n.de XX\nnot text\n..\nb\n.TS\nl l.\n1 2\n.TE\nc\n"), "a\nb\nc\n"
        )

    def test_quoted_arguments_keep_their_spaces(self):
        self.assertEqual(extract.strip_roff('.B "two words" three\n'), "two words three\n")

    def test_an_alias_page_is_recognised(self):
        self.assertTrue(extract.is_alias_page(".so man1/other.1\n"))
        self.assertFalse(extract.is_alias_page(".TH X 1\n"))


class DictionaryTest(unittest.TestCase):
    def test_entries_are_found_by_their_base64_offsets(self):
        index = "00-database-short\tA\tE\nalpha\tE\tF\nalso alpha\tE\tF\nbeta\tJ\tE\n"
        self.assertEqual(
            extract.dict_entries(index, b"noteALPHAbeta"), [("alpha", "ALPHA"), ("beta", "beta")]
        )
        self.assertEqual(extract.dict_number("BA"), 64)

    def test_an_offset_past_the_end_is_an_error(self):
        with self.assertRaisesRegex(extract.FormatError, "past the end"):
            extract.dict_entries("alpha\tE\tz\n", b"short")


class MathematicsTest(unittest.TestCase):
    def test_chunks_hold_all_statements_and_end_between_them(self):
        source = "\n\n".join(f"s{i} $a |- ( ph -> ps ) $." for i in range(100))
        chunks = extract.metamath_chunks(source, size=300)
        self.assertGreater(len(chunks), 5)
        self.assertEqual("\n\n".join(c.strip() for c in chunks), source)
        self.assertTrue(all(c.endswith("$.\n") for c in chunks))


class FortuneTest(unittest.TestCase):
    def test_sayings_are_gathered_into_pages(self):
        self.assertEqual(
            extract.fortune_pages("one\n%\ntwo\n%\nthree\n", size=8), ["one\n\ntwo\n", "three\n"]
        )


class LicenceTest(unittest.TestCase):
    def test_a_licence_comment_before_the_code_is_dropped_and_others_are_kept(self):
        source = "/* Copy a file.  */\n/* Copyright 2020 X.\n\n   GNU General Public License.  */\n\n#include <a.h>\n/* copyright of y */\n"
        self.assertEqual(
            extract.drop_licence_header(source),
            "/* Copy a file.  */\n\n#include <a.h>\n/* copyright of y */\n",
        )

    def test_line_comments_of_several_languages_are_recognised(self):
        for mark in ("//", "#", ";;;;"):
            source = f"{mark} This is under the MIT license\n{mark} without warranty\n\ncode\n"
            self.assertEqual(extract.drop_licence_header(source), "code\n", mark)

    def test_code_without_a_header_is_untouched(self):
        self.assertEqual(extract.drop_licence_header("int main() {}\n"), "int main() {}\n")

    def test_long_paragraphs_that_many_documents_share_are_dropped_everywhere(self):
        shared = "Diese Übersetzung ist Freie Dokumentation; " * 4
        documents = {str(i): f"eigener Text {i}\n\n{shared}\n\nkurz" for i in range(5)}
        for i, text in extract.drop_repeated_paragraphs(documents).items():
            self.assertEqual(text, f"eigener Text {i}\n\nkurz")
        few = {str(i): shared for i in range(3)}
        self.assertEqual(extract.drop_repeated_paragraphs(few), few)


if __name__ == "__main__":
    unittest.main()
