"""The numbers that occur in a column of rows, as places in a dictionary."""

from typing import Any

from harness.lab.sim.compiled.kernel.kernel_compilation import entry_point


@entry_point
def number_off(numbers: Any, least: int, place_of: Any, known: Any, places: Any) -> int:
    """
    Find the numbers that occur, in the order in which they do; return how many there are.

    Args:
        numbers: From *least* on; a negative one means None.
        place_of: -1 for each number from *least* to the largest.
        known: Becomes the numbers that occur.
        places: Becomes the place of each of *numbers* among *known*; -1 for None.
    """
    count = 0
    for row in range(numbers.size):
        number = numbers[row]
        if number < 0:
            places[row] = -1
            continue
        place = place_of[number - least]
        if place < 0:
            place = count
            place_of[number - least] = place
            known[place] = number
            count += 1
        places[row] = place
    return count
