-- A row if there is none. ARGV: "1" if this repeats a call whose answer was lost; kind, place, row.
-- Returns the row there is, or nothing to the winner, or in a table the key that is closed.
local there = redis.call('GET', row_key(ARGV[2], ARGV[3]))
if not there then
  local closed = closed_key(ARGV[4])
  if closed then
    return { closed }
  end
  write(ARGV[2], ARGV[3], ARGV[4], nil)
  return false
end
if ARGV[1] == '1' and there == ARGV[4] then
  -- WAIT is about what its own connection wrote, and that was another one.
  redis.call('INCR', base .. ':n:checked')
  return false
end
return there
