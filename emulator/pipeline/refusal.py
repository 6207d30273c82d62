"""An answer taken back: what a coordinator has written is not on enough brokers, and may never be."""

from wire.record import Record


def take_back(response, error):
    """`response` with `error` in place of each success; gives one of the same shape, or None where it has no place for errors."""
    if _refuse_each(response, error):
        return response
    if "error_code" not in response.fields_in_order:
        return None
    return response if response.error_code else type(response)(error_code=error)


def _refuse_each(record, error):
    """Put `error` into all that is answered one by one; gives whether there is such a thing."""
    found = False
    for name in record.fields_in_order:
        value = getattr(record, name)
        for one in value if isinstance(value, (list, tuple)) else ():
            if not isinstance(one, Record):
                break
            inner = _refuse_each(one, error)
            if not inner and "error_code" in one.fields_in_order:
                inner = True
                one.error_code = one.error_code or error
            found |= inner
    return found
