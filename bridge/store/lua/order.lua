-- Appended rows in the order of their positions. ARGV: kind; the filters; the position to begin
-- behind; the one to end before, or "+inf"; "1" for the newest first; the limit; how many rows to
-- look at in this call; the lexical beginning of a partition's places, or empty.
-- Returns the position that was reached, empty at the end, then places, rows, positions by turns.
local kind = ARGV[1]
local lowest, highest = '(' .. ARGV[AFTER_FILTERS], ARGV[AFTER_FILTERS + 1]
local newest = ARGV[AFTER_FILTERS + 2] == '1'
local limit, budget = tonumber(ARGV[AFTER_FILTERS + 3]), tonumber(ARGV[AFTER_FILTERS + 4])
local partition = ARGV[AFTER_FILTERS + 5]
local index = base .. ':p:' .. kind

local found = { '' }
while limit > 0 do
  local chunk = math.min(budget, limit < 100 and 100 or limit)
  local places
  if newest then
    places = redis.call('ZREVRANGEBYSCORE', index, highest, lowest, 'WITHSCORES', 'LIMIT', 0, chunk)
  else
    places = redis.call('ZRANGEBYSCORE', index, lowest, highest, 'WITHSCORES', 'LIMIT', 0, chunk)
  end
  for at = 1, #places, 2 do
    local place = places[at]
    local begins = string.sub(place, 1, #partition) == partition
    -- Behind FF the partition's name goes on.
    if limit > 0 and begins and string.byte(place, #partition + 1) ~= 255 then
      local text = redis.call('GET', row_key(kind, place))
      if text and is_wanted(text) then
        found[#found + 1] = place
        found[#found + 1] = text
        found[#found + 1] = places[at + 1]
        limit = limit - 1
      end
    end
  end
  if #places < 2 * chunk then
    return found
  end
  local reached = places[#places]
  if newest then
    highest = '(' .. reached
  else
    lowest = '(' .. reached
  end
  budget = budget - chunk
  if budget <= 0 and limit > 0 then
    found[1] = reached
    return found
  end
end
return found
