-- Count a window's members. ARGV: key, member, window in seconds, limit or empty, and the time, or
-- empty to ask the server's clock: one for all, where hosts' clocks differ.
-- Returns how many there are, and 1 if this one is let in.
local base = KEYS[1]
local key, member, window, limit, now = unpack(ARGV)
local times, ends = base .. ':w:' .. key, base .. ':u:' .. key
window, limit = tonumber(window), tonumber(limit)
if now == '' then
  local time = redis.call('TIME')
  now = time[1] + time[2] / 1000000
else
  now = tonumber(now)
end

-- Seventeen digits hold every double: fewer would let a member leave before its window ends.
local function text(number)
  return string.format('%.17g', number)
end

-- A little ahead is a member whose caller read the clock later than this one did, and was served
-- first: it is that late by now.
local newest = tonumber(redis.call('ZRANGE', times, -1, -1, 'WITHSCORES')[2] or 0)
if newest > now and newest < now + 0.5 then
  now = newest
end
-- After the clock was set back, members from the future become members of now.
for _, future in ipairs(redis.call('ZRANGEBYSCORE', times, '(' .. text(now), '+inf')) do
  local ahead = redis.call('ZSCORE', times, future) - now
  redis.call('ZADD', times, text(now), future)
  redis.call('ZADD', ends, text(redis.call('ZSCORE', ends, future) - ahead), future)
end
for _, past in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', text(now))) do
  redis.call('ZREM', times, past)
  redis.call('ZREM', ends, past)
end

local total = redis.call('ZCOUNT', times, '(' .. text(now - window), '+inf')
if member == '' then
  return { total, (not limit or total < limit) and 1 or 0 }
end
local since = redis.call('ZSCORE', times, member)
local is_there = since and tonumber(since) > now - window
if not is_there then
  if limit and total >= limit then
    return { total, 0 }
  end
  total = total + 1
end
local till = math.max(now + window, tonumber(redis.call('ZSCORE', ends, member) or 0))
redis.call('ZADD', times, text(now), member)
redis.call('ZADD', ends, text(till), member)
-- Members whose counts nobody asks for again go by themselves.
local kept = math.ceil(redis.call('ZRANGE', ends, -1, -1, 'WITHSCORES')[2] - now) + 1
redis.call('EXPIRE', times, kept)
redis.call('EXPIRE', ends, kept)
return { total, 1 }
