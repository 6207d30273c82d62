"""What the tests of every client share."""
import time

TIMEOUT = 30  # seconds: how long anything may take before the test fails; nothing waits that long when all is well


def eventually(condition, what=None, timeout=TIMEOUT):
    """Call `condition` until it gives something true, and return that; fails with the last answer at the deadline."""
    deadline = time.monotonic() + timeout
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{what or condition} still {answer!r} after {timeout} s")
        time.sleep(0.02)
