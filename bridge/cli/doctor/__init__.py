"""`bridge doctor`: is what surrounds the bridge set up so that no token is lost or shown?

Facts are fetched first, judged by pure functions then, and told as findings with what to mend.
"""
