-- Renew or release a lease. ARGV: name, owner, fence, the caller's host, the time by its clock, and
-- the new term and its end, or two empty texts to release. Returns 1, or 0 if it is not his.
local base = KEYS[1]
local name, owner, fence, host, now, term, till = unpack(ARGV)
local there = redis.call('HGET', base .. ':l', name)
if not there then
  return 0
end
local lease = cmsgpack.unpack(there)
local left = tonumber(lease[4]) - tonumber(now)
if lease[1] ~= owner or lease[2] ~= fence or lease[3] ~= host then
  return 0
end
if left <= 0 then
  return 0
end
if term == '' then
  redis.call('HDEL', base .. ':l', name)
else
  local renewed = { owner, fence, host, till, term, tostring(lease[6] + 1) }
  redis.call('HSET', base .. ':l', name, cmsgpack.pack(renewed))
end
return 1
