"""Record classes: a slotted class per structure of a message, one shape for all its versions."""

from .types import UNSET


class Record:
    """A parsed or to-be-built structure. Its fields are its slots; all have Kafka's defaults."""

    __slots__ = ()
    fields_in_order = ()

    def __eq__(self, other):
        if not isinstance(other, Record) or self.fields_in_order is not other.fields_in_order:
            return NotImplemented
        return all(_same(getattr(self, name), getattr(other, name)) for name in self.fields_in_order)

    __hash__ = None

    def __repr__(self):
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.fields_in_order)
        return f"{type(self).__qualname__}({fields})"


class Built(list):
    """An array of structures, each as the bytes that `Message.element_builder` made of it: built once, sent often."""

    __slots__ = ()


def _same(a, b):
    # An array is a list when parsed and perhaps a tuple when made by hand (the empty default is `()`).
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(_same, a, b))
    return a == b


def make_class(name, fields, module):
    """The class of a structure; the classes of the structures in it are its attributes."""
    namespace = {"Record": Record}
    nested = {}
    arguments, stores = [], []
    for field in fields:
        if field.type.fields:
            nested[field.class_name] = make_class(f"{name}.{field.class_name}", field.type.fields, module)
        namespace[f"_{field.name}"] = default_of(field, nested)
        arguments.append(f"{field.name}=_{field.name}")
        stores.append(f"        self.{field.name} = {field.name}\n")
    names = tuple(field.name for field in fields)
    exec(
        f"class Shape(Record):\n"
        f"    __slots__ = fields_in_order = {names!r}\n"
        f"    def __init__(self, {'*, ' if arguments else ''}{', '.join(arguments)}):\n"
        f"{''.join(stores) or '        pass'}\n",
        namespace,
    )
    cls = namespace["Shape"]
    cls.__name__ = name.rpartition(".")[2]
    cls.__qualname__ = name
    cls.__module__ = module
    for nested_name, nested_class in nested.items():
        setattr(cls, nested_name, nested_class)
    cls.DEFAULT = _frozen(cls)
    return cls


def default_of(field, classes):
    """Kafka's default of a field; that of a structure is one shared instance that refuses changes."""
    default = field.type.default
    return classes[field.class_name].DEFAULT if default is UNSET else default


def _frozen(cls):
    # Shared by every record that was not given one: Fetch's partitions have three such structures each.
    def __setattr__(self, name, value):
        raise AttributeError(f"{cls.__qualname__}.DEFAULT is shared: give the field a {cls.__qualname__} of its own")

    frozen = type(cls.__name__, (cls,), {"__slots__": (), "__init__": lambda self: None, "__setattr__": __setattr__,
                                         "__qualname__": cls.__qualname__, "__module__": cls.__module__})()
    default = cls()
    for name in cls.fields_in_order:
        object.__setattr__(frozen, name, getattr(default, name))
    return frozen
