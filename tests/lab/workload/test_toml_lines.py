"""The line of each value of a TOML document."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from harness.lab.workload.toml_lines import lines_by_path

DOCUMENT = '''\
question = "a = [1, # no comment"  # a comment with ] and "quotes"
text = """
[not_a_table]
x = 1
"""

[[arrivals]]
stages = [
  { hold_per_s = 1, for_s = 2 }, # first

  { ramp_per_s = [1.5, 2], for_s = 3 },
]

[[arrivals]]
process = 'paced'

[[arrivals.notes]]
by = 1979-05-27T07:32:00Z

[[arrivals.notes]]
by = "b"

[behaviour."poll.x"]
first_s = 1
a.b.c = {d.e = true, f = []}
'''


class TestLinesByPath:
    def test_every_value_is_found(self):
        """
        Strings, comments, nested arrays, inline tables, dotted and quoted keys have their lines.
        """
        assert lines_by_path(DOCUMENT) == {
            ("question",): 1,
            ("text",): 2,
            ("arrivals", 0): 7,
            ("arrivals", 0, "stages"): 8,
            ("arrivals", 0, "stages", 0): 9,
            ("arrivals", 0, "stages", 0, "hold_per_s"): 9,
            ("arrivals", 0, "stages", 0, "for_s"): 9,
            ("arrivals", 0, "stages", 1): 11,
            ("arrivals", 0, "stages", 1, "ramp_per_s"): 11,
            ("arrivals", 0, "stages", 1, "ramp_per_s", 0): 11,
            ("arrivals", 0, "stages", 1, "ramp_per_s", 1): 11,
            ("arrivals", 0, "stages", 1, "for_s"): 11,
            ("arrivals", 1): 14,
            ("arrivals", 1, "process"): 15,
            ("arrivals", 1, "notes", 0): 17,
            ("arrivals", 1, "notes", 0, "by"): 18,
            ("arrivals", 1, "notes", 1): 20,
            ("arrivals", 1, "notes", 1, "by"): 21,
            ("behaviour", "poll.x"): 23,
            ("behaviour", "poll.x", "first_s"): 24,
            ("behaviour", "poll.x", "a", "b", "c"): 25,
            ("behaviour", "poll.x", "a", "b", "c", "d", "e"): 25,
            ("behaviour", "poll.x", "a", "b", "c", "f"): 25,
        }

    def test_an_empty_document_has_no_lines(self):
        """
        An empty text, or only a comment, is a valid document.
        """
        assert lines_by_path("") == {}
        assert lines_by_path("# nothing") == {}

    @given(
        st.recursive(
            st.one_of(
                st.integers(),
                st.booleans(),
                st.sampled_from(
                    ['"a]b"', "'}#{'", '"\\"x"', '"""\n[x]\ny=1"""', "'''it's\n#'''", "07:32:00", "-1e3"]
                ),
            ),
            lambda inner: st.one_of(
                st.lists(inner, max_size=3).map(
                    lambda items: "[\n" + ",\n # c ]\n".join(map(_toml, items)) + "]"
                ),
                st.lists(inner, max_size=3).map(
                    lambda items: (
                        "{" + ", ".join(f"k{i} = {_toml(item)}" for i, item in enumerate(items)) + "}"
                    )
                ),
            ),
            max_leaves=8,
        )
    )
    def test_any_value_is_read_to_its_end(self, value):
        """
        The key after any value is found at its line.
        """
        text = f"first = {_toml(value)}\nlast = 1\n"
        tomllib.loads(text)

        assert lines_by_path(text)[("last",)] == text.count("\n")


def _toml(value):
    return str(value).lower() if isinstance(value, bool) else str(value)
