-- Take a lease. ARGV: name, owner, term in seconds, the caller's host and the time and the end of
-- the term by that host's clock, a random number, and the sign of the lease that the caller has
-- watched for its whole term in vain. KEYS[1] is the first part of every key.
-- Returns the fence's count, or the sign and the term of a lease that runs.
local base = KEYS[1]
local name, owner, term, host, now, till, random, dead = unpack(ARGV)
local there = redis.call('HGET', base .. ':l', name)
local beat = 0
if there then
  local holder, fence, at, ends, length, beats = unpack(cmsgpack.unpack(there))
  local sign = fence .. ':' .. beats
  local left = tonumber(ends) - tonumber(now)
  local runs
  if at == host then
    runs = left > 0
  else
    -- Clocks of two hosts cannot be compared: without a sign of life for a whole term it is over.
    runs = sign ~= dead
  end
  if runs and holder ~= owner then
    return { sign, length }
  end
end
-- The time lets fences grow also where a failover lost the last counts; the count, where it steps.
local time = redis.call('TIME')
local count = math.max(
  tonumber(redis.call('GET', base .. ':n:fence') or 0) + 1,
  time[1] * 100 + math.floor(time[2] / 10000)
)
local counted = string.format('%.0f', count)
redis.call('SET', base .. ':n:fence', counted)
local lease = { owner, counted .. '.' .. random, host, till, term, '0' }
redis.call('HSET', base .. ':l', name, cmsgpack.pack(lease))
return counted
