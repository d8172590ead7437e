-- Count up the number of checks; returns it as it is read again.
local key = KEYS[1] .. ':n:checked'
local written = redis.call('INCR', key)
return tonumber(redis.call('GET', key)) == written and 1 or 0
