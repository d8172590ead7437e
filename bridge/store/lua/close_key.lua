-- Close a key for writing, or open it again. ARGV: "1" if this repeats a call whose answer was
-- lost; the key's id; "1" to close it.
local base = KEYS[1]
redis.call(ARGV[3] == '1' and 'SADD' or 'SREM', base .. ':z', ARGV[2])
-- WAIT is about what its own connection wrote, and another one may have done this before.
return redis.call('INCR', base .. ':n:checked')
