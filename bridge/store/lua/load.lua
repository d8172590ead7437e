-- Rows as they are in another store. ARGV: kind, place, row and position for each, the position
-- empty to leave it as it is.
for at = 1, #ARGV, 4 do
  local kind, place, row, position = unpack(ARGV, at, at + 3)
  local there = redis.call('GET', row_key(kind, place))
  write(kind, place, row, there and columns(there) or nil)
  if position ~= '' then
    redis.call('ZADD', base .. ':p:' .. kind, position, place)
    local last = redis.call('GET', base .. ':n:position') or '0'
    if tonumber(last) < tonumber(position) then
      redis.call('SET', base .. ':n:position', position)
    end
  end
end
