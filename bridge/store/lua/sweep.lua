-- Rows whose time is over. ARGV: kind, the time, the limit. Returns how many went.
local kind = ARGV[1]
local places = redis.call(
  'ZRANGEBYSCORE', base .. ':x:' .. kind, '-inf', '(' .. ARGV[2], 'LIMIT', 0, ARGV[3]
)
for _, place in ipairs(places) do
  erase(kind, place, columns(redis.call('GET', row_key(kind, place))))
end
return #places
