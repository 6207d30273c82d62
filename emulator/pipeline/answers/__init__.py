"""What an answer says of what was asked.

shapes     which list of an answer is about which list of a request, and where it has room for errors: from the declarations of wire/apis
refusing   some or all of what is asked is refused, as Kafka answers it; `kafkas`: what it says beside an error
readable   answers of which parts are kept as the bytes that they are sent as
"""
