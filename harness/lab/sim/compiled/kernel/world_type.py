"""
The type of the kernel's memory in compiled code: one pointer to the addresses and sizes of all tables.

As a tuple of arrays it would be four hundred arguments of every function, which take long to compile.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate
from numba.extending import NativeValue, infer_getattr, models, register_model, typeof_impl, unbox
from numba.np.arrayobj import make_array
from numba.np.numpy_support import from_dtype

from harness.lab.sim.compiled.kernel.layout import TABLE_TYPES, World

_ROW = 3
"""Numbers for each table: its address, its rows, and its columns if it has two dimensions."""


class WorldType(types.Type):
    """The type of `World`."""

    def __init__(self) -> None:
        super().__init__(name="World")


WORLD = WorldType()
_NUMBER = {name: number for number, name in enumerate(TABLE_TYPES)}
_ARRAYS = {
    name: types.Array(from_dtype(np.dtype(dtype)), dimensions, "C")
    for name, (dtype, dimensions) in TABLE_TYPES.items()
}

register_model(WorldType)(models.OpaqueModel)


@typeof_impl.register(World)
def _type_of_world(_world: World, _context: Any) -> WorldType:
    return WORLD


@unbox(WorldType)
def _unbox_world(_type: WorldType, world: Any, c: Any) -> NativeValue:
    address = c.pyapi.object_getattr_string(world, "address")
    pointer = c.pyapi.long_as_voidptr(address)
    c.pyapi.decref(address)
    return NativeValue(pointer, is_error=cgutils.is_not_null(c.builder, c.pyapi.err_occurred()))


@infer_getattr
class _WorldAttributes(AttributeTemplate):
    key = WorldType

    def generic_resolve(self, _world: WorldType, name: str) -> types.Array | None:
        return _ARRAYS.get(name)


@lower_getattr_generic(WorldType)
def _table(context: Any, builder: Any, _type: WorldType, value: Any, name: str) -> Any:
    """Return a table as an array."""
    array_type = _ARRAYS[name]
    word = context.get_value_type(types.intp)
    directory = builder.bitcast(value, word.as_pointer())
    numbers = [_constant(builder, directory, _ROW * _NUMBER[name] + offset) for offset in range(_ROW)]
    array = make_array(array_type)(context, builder)
    item_size = context.get_abi_sizeof(context.get_data_type(array_type.dtype))
    shape = numbers[1 : 1 + array_type.ndim]
    size = ir.Constant(word, item_size)
    strides = [size] if array_type.ndim == 1 else [builder.mul(numbers[2], size), size]
    rows = shape[0] if array_type.ndim == 1 else builder.mul(shape[0], shape[1])
    array.data = builder.inttoptr(numbers[0], array.data.type)
    # No index is negative, and none needs to be compared with zero: the number of rows is added to those.
    array.shape = cgutils.pack_array(builder, [ir.Constant(word, 0), *shape[1:]])
    array.strides = cgutils.pack_array(builder, strides)
    array.itemsize, array.nitems = size, rows
    array.meminfo = cgutils.get_null_value(array.meminfo.type)
    array.parent = cgutils.get_null_value(array.parent.type)
    return array._getvalue()


def _constant(builder: Any, directory: Any, place: int) -> Any:
    """Return a number of the directory; LLVM reads it once in a function, because it does not change."""
    number = builder.load(builder.gep(directory, [ir.Constant(ir.IntType(64), place)]))
    number.set_metadata("invariant.load", builder.module.add_metadata([]))
    return number


def directory_of(world: World) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the addresses and sizes of the tables of a world."""
    directory = np.zeros((len(TABLE_TYPES), _ROW), np.int64)
    for name, number in _NUMBER.items():
        table = getattr(world, name)
        directory[number] = table.ctypes.data, table.shape[0], table.shape[1] if table.ndim > 1 else 1
    return directory
