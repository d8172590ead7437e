-- A row if there is none. ARGV: "1" if this repeats a call whose answer was lost; kind, place, row.
-- Returns the row there is, or nothing to the winner.
local there = redis.call('GET', row_key(ARGV[2], ARGV[3]))
if not there then
  write(ARGV[2], ARGV[3], ARGV[4], nil)
  return false
end
if ARGV[1] == '1' and there == ARGV[4] then
  -- WAIT is about what its own connection wrote, and that was another one.
  redis.call('INCR', base .. ':n:checked')
  return false
end
return there
