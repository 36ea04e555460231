"""Files of packages become documents: small package folders made here, one kind at a time."""

import gzip
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, "tools/demo_corpus")

import domains  # noqa: E402
from r_data import r_character_vector, r_database  # noqa: E402


class FilesTest(unittest.TestCase):
    def setUp(self):
        self.root = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def put(self, path, content):
        content = content.encode() if isinstance(content, str) else content
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(content)

    def documents(self, domain, package):
        return dict(domains.DOMAINS[domain]({package: self.root}))

    def test_the_order_is_fixed_and_not_the_alphabets(self):
        names = [f"n{i:02}" for i in range(20)]
        self.assertEqual(domains.shuffled(names), domains.shuffled(reversed(names)))
        self.assertNotEqual(domains.shuffled(names), names)
        self.assertEqual(sorted(domains.shuffled(names)), names)

    def test_links_and_folders_are_no_files(self):
        self.put("a.c", "x")
        (self.root / "folder.c").mkdir()
        (self.root / "link.c").symlink_to(self.root / "a.c")
        self.assertEqual(domains.files_of(self.root, "*.c"), [self.root / "a.c"])

    def test_compressed_files_are_read_and_bad_characters_replaced(self):
        self.put("a.gz", gzip.compress("grün".encode()))
        self.put("b", b"gr\xfcn")
        self.assertEqual(domains.read(self.root / "a.gz"), "grün")
        self.assertEqual(domains.read(self.root / "b"), "gr\ufffdn")

    def test_code_is_named_by_its_path_without_licence_and_without_generated_tables(self):
        folder = "usr/share/gnulib/lib/"
        self.put(folder + "sub/a.c", "/* Copyright X; GNU General Public License */\nint a;\n")
        self.put(folder + "b.h", "int b;\n")
        self.put(folder + "table.c", "0," * 200_001)
        self.put(folder + "read.me", "no code")
        self.assertEqual(self.documents("c", "gnulib"), {"sub/a.c": "int a;\n", "b.h": "int b;\n"})

    def test_manual_pages_lose_their_markup_and_aliases(self):
        self.put("usr/share/man/de/man1/cp.1.gz", gzip.compress(b".SH NAME\ncp \\- x\n"))
        self.put("usr/share/man/de/man1/alias.1.gz", gzip.compress(b".so man1/cp.1\n"))
        self.put("usr/share/man/fr/man1/ls.1.gz", gzip.compress(b".SH NOM\nls\n"))
        self.assertEqual(list(domains.manual_pages([self.root], "de")), [("cp.1.txt", "NAME\n\ncp - x\n")])

    def test_scripture_is_asked_of_the_packages_own_program(self):
        self.put(
            "usr/bin/bible",
            '#!/bin/sh\necho "Ge1:1 In the beginning."\necho "Ge2:1 read $4 in $LD_LIBRARY_PATH"\n',
        )
        (self.root / "usr/bin/bible").chmod(0o755)
        packages = {name: self.root for name in ("bible-kjv", "bible-kjv-text", "libreadline8")}
        chapters = dict(domains.scripture(packages))
        self.assertEqual(chapters["Ge1.txt"], "In the beginning.")
        self.assertTrue(chapters["Ge2.txt"].startswith("read gen1:1-rev22:21 in " + str(self.root)))

    def test_novels_are_cut_at_their_chapters(self):
        lines = ["SENSE & SENSIBILITY", "", "CHAPTER 1", "one", "CHAPTER 2", "two"]
        path = "usr/lib/R/site-library/janeaustenr/data/Rdata.rdb"
        self.put(path, r_database(r_character_vector(lines)))
        chapters = self.documents("novels", "r-cran-janeaustenr")
        self.assertEqual(chapters["sense_sensibility_01.txt"], "CHAPTER 1\none")
        self.assertEqual(chapters["sense_sensibility_02.txt"], "CHAPTER 2\ntwo")

    def test_dictionary_entries_are_gathered_by_their_first_letters(self):
        self.put("usr/share/dictd/foldoc.dict.dz", gzip.compress(b"ALPHAalphabet++"))
        self.put("usr/share/dictd/foldoc.index", "Alpha\tA\tF\nalphabet\tF\tI\n++\tN\tC\n")
        pages = self.documents("dictionary", "dict-foldoc")
        self.assertEqual(pages, {"alp.txt": "ALPHA\n\nalphabet", "other.txt": "++"})

    def test_mathematics_has_all_databases(self):
        for source in ("set", "iset", "nf", "ql", "hol", "peano"):
            self.put(f"usr/share/metamath/databases/{source}.mm", f"{source}1 $a |- ph $.\n")
        chunks = self.documents("mathematics", "metamath-databases")
        self.assertEqual(len(chunks), 6)
        self.assertEqual(chunks["nf_0000.mm"].strip(), "nf1 $a |- ph $.")

    def test_russian_is_manual_pages_and_sayings(self):
        self.put("usr/share/man/ru/man1/cp.1.gz", gzip.compress(".SH ИМЯ\ncp\n".encode()))
        self.put("usr/share/games/fortunes/ru/a", "раз\n%\nдва\n")
        self.put("usr/share/games/fortunes/ru/a.dat", b"\x00\x01")
        documents = dict(domains.russian({"manpages-ru": self.root, "fortunes-ru": self.root}))
        self.assertEqual(documents, {"cp.1.txt": "ИМЯ\n\ncp\n", "fortunes_ru/a_00.txt": "раз\n\nдва\n"})

    def test_technical_pages_leave_the_changelog_out(self):
        self.put("usr/share/doc/html/_sources/library/os.rst.txt", "os")
        self.put("usr/share/doc/html/_sources/whatsnew/changelog.rst.txt", "much")
        self.assertEqual(self.documents("technical", "python3.11-doc"), {"os.rst": "os"})


class ChoiceTest(unittest.TestCase):
    def test_documents_fill_the_limit_and_names_are_flat_and_unique(self):
        text = "word " * 100
        chosen = domains.choose(
            [("a/b.c", text), ("a_b.c", text + "x"), ("tiny", "x"), ("c.c", text + "y")], 1100
        )
        self.assertEqual(list(chosen), ["a_b.c", "x_a_b.c"])

    def test_documents_of_unfit_size_are_left_out(self):
        texts = [("short", "x" * 199), ("least", "x" * 200), ("long", "y" * 400_001)]
        self.assertEqual(list(domains.choose(texts, 1_000_000)), ["least"])

    def test_no_more_is_read_than_can_be_chosen(self):
        read = []

        def documents():
            for number in range(100):
                read.append(number)
                yield str(number), f"{number} " + "z" * 399_000

        self.assertEqual(list(domains.choose(documents(), 1000)), [])
        self.assertEqual(len(read), 2)

    def test_there_are_fourteen_domains(self):
        self.assertEqual(len(domains.DOMAINS), 14)


if __name__ == "__main__":
    unittest.main()
