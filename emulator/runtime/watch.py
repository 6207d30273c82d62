"""Waiting for what a server may come to, which is looked at when the server has done something, and never in between."""

from gevent import get_hub
from gevent.event import Event


def wait_until(look, timeout_s):
    """What `look()` gives as soon as that is something true; what it gave last once `timeout_s` seconds have passed.

    `look` is called whenever the event loop is about to wait for clients and deadlines, so it must be quick, and wait for
    nothing. What it raises is raised here.
    """
    if (found := look()) or timeout_s <= 0:
        return found
    loop, reached, raised = get_hub().loop, Event(), []
    # The last thing before the loop sleeps. It would sleep over what is asked of it then; not over a timer.
    about_to_sleep = loop.prepare(ref=False, priority=loop.MINPRI)
    awake = loop.timer(0)

    def looked():
        nonlocal found
        try:
            found = look()
        except BaseException as error:
            raised.append(error)
        if found or raised:
            about_to_sleep.stop()
            awake.start(reached.set)

    about_to_sleep.start(looked)
    try:
        reached.wait(timeout_s)
    finally:
        about_to_sleep.close()
        awake.close()
    if raised:
        raise raised[0]
    return found
