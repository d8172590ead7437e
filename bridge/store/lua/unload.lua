-- Remove rows, whatever their versions. ARGV: kind and place for each.
for at = 1, #ARGV, 2 do
  local there = redis.call('GET', row_key(ARGV[at], ARGV[at + 1]))
  if there then
    erase(ARGV[at], ARGV[at + 1], columns(there))
  end
end
