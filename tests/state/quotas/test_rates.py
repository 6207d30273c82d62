"""Rates over windows and buckets of tokens, step by step."""

from emulator.state.quotas.rates import Rate, TokenBucket, milliseconds


def rate(limit, samples=11):
    return Rate(samples, 1000, limit)


def test_a_first_burst_has_all_full_windows_to_itself():
    assert rate(1000).throttle(10_000, 5000) == 0
    assert rate(1000).throttle(10_500, 5000) == 500
    assert rate(1000).throttle(30_000, 5000) == 20_000


def test_the_window_grows_with_the_time_that_passed_in_it():
    one = rate(1000)
    assert one.throttle(10_000, 0) == 0
    assert one.throttle(1000, 400) == 600  # 11,000 in 10.4 seconds
    assert one.throttle(0, 1000) == 1000 - 0  # a window more has begun, and the ten full ones stay what is divided by
    assert one.throttle(0, 1400) == 600


def test_samples_are_forgotten_when_all_windows_have_passed():
    one = rate(1000)
    assert one.throttle(20_000, 0) == 10_000
    assert one.throttle(1, 10_999) == 20_001 - 10_999
    assert one.throttle(1, 11_000) == 0
    assert one.throttle(20_000, 30_000) == 10_000
    assert not one.idle(40_000)
    assert one.idle(41_000)


def test_what_is_taken_back_was_never_there():
    one = rate(1000)
    assert one.throttle(15_000, 0) == 5000
    one.record(-15_000, 0)
    assert one.throttle(10_000, 0) == 0


def test_a_single_window_is_as_long_as_it_has_lasted():
    assert rate(1000, samples=1).throttle(1, 0) == 0
    assert rate(1000, samples=1).throttle(2, 0) == 1


def test_a_bucket_may_go_into_debt_once():
    bucket = TokenBucket(11, 1000, 1.0)
    assert bucket.missing(0) == 0
    bucket.record(20, 0)
    assert bucket.missing(0) == 9000
    assert bucket.missing(4000) == 5000
    assert bucket.missing(9000) == 0
    assert bucket.missing(100_000) == 0
    bucket.record(12, 100_000)
    assert bucket.missing(100_000) == 1000


def test_milliseconds_are_javas():
    assert [milliseconds(value) for value in (0.4, 0.5, 1.5, 2.5)] == [0, 1, 2, 3]
    assert milliseconds(float("nan")) == 0
    assert milliseconds(float("inf")) == milliseconds(1e300) == 2**31 - 1
