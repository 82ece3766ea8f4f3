"""What a file from a stranger may cost, in one place: what is declared, and what is held at once.

Limits of what a file declares are refused when it is read. What is held at once only says how
much work is taken in one piece: more is done in several. Imports nothing.
"""

MAX_ARRAY_BYTES = 4 * 2**30  # of weights and history
MAX_INFLATED = 64 * 2**20  # bytes that a model's arrays may have beyond the size of its file
MAX_LAYERS = 1000
MAX_WIDTH = 10**6
MAX_UNITS = 2**20  # of all layers together, and of all members
MAX_MEMBERS = 1000

MAX_META = 64 * 2**20  # bytes of a model's JSON
MAX_OBJECTS = 2**20  # lists and objects in it, each of which takes memory of its own
MAX_VALUES = 2**22  # what commas part in it, each of which does too
MAX_DEPTH = 100  # of lists and objects within each other
MAX_EXPRESSIONS = 2**18  # characters of all features together that are more than a column

INFLATED_FREELY = 2**25  # bytes that any compressed table may become
INFLATED_TIMES = 200  # and beyond that, how many times its size

WORK_BYTES = 2**28  # of a network's arrays for one block of rows, in each thread
INPUTS_AT_ONCE = 2**23  # numbers of the matrix X
CELLS_AT_ONCE = 2**19  # numbers that are made of some rows and become text, a hundred bytes each
CHECKED_WORK = 2**31  # multiplications of a gradient check: seconds
ENTRIES_CHECKED = 400  # of a larger array, that many are drawn
NUMBERS_EXPLAINED = 2**21  # parameters and units, each told a dozen times
NAMES_COMPARED = 100  # names that a misspelt one is compared with, letter by letter
HELD_OUT_NUMBERS = 2**24  # outputs of validation rows that say how sure and how near it is


def rows_at_once(n_columns: int, cells: int = CELLS_AT_ONCE) -> int:
    """Return how many rows of so many columns hold about `cells` cells; at least 1."""
    return max(1, cells // max(1, n_columns))


def entries_checked(n_arrays: int, n_numbers: int, n_rows: int) -> int:
    """Return how many entries of each array a gradient check compares; 0 where one is too many.

    Each takes a pass of `n_rows` rows through `n_numbers` parameters and units.
    """
    one_each = n_arrays * n_numbers * max(8, n_rows)  # fewer rows wait for memory as long
    return min(ENTRIES_CHECKED, CHECKED_WORK // one_each)


def block_widths(bytes_per_row: int, widths: tuple[int, ...]) -> tuple[int, ...]:
    """Return those of `widths`, of rows worked on together, that WORK_BYTES hold.

    Where none is narrow enough, the widest power of 2 that is, at least 8: fewer gain nothing.
    """
    most = WORK_BYTES // max(1, bytes_per_row)
    return tuple(n for n in widths if n <= most) or (max(8, 1 << most.bit_length() >> 1),)
