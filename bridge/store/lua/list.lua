-- Rows in the order of their places. ARGV: kind; the filters; the index's key without the first
-- part; the lexical bounds; the limit; how many rows to look at in this call at most.
-- Returns where to go on, empty at the end, then places and rows by turns.
local kind = ARGV[1]
local index, from, to = base .. ARGV[AFTER_FILTERS], ARGV[AFTER_FILTERS + 1], ARGV[AFTER_FILTERS + 2]
local limit, budget = tonumber(ARGV[AFTER_FILTERS + 3]), tonumber(ARGV[AFTER_FILTERS + 4])

local found = { '' }
while limit > 0 do
  local chunk = math.min(budget, filtered and math.max(limit, 100) or limit)
  local places = redis.call('ZRANGEBYLEX', index, from, to, 'LIMIT', 0, chunk)
  for _, place in ipairs(places) do
    local text = redis.call('GET', row_key(kind, place))
    if text and limit > 0 and is_wanted(text) then
      found[#found + 1] = place
      found[#found + 1] = text
      limit = limit - 1
    end
  end
  if #places < chunk then
    return found
  end
  from = '(' .. places[#places]
  budget = budget - #places
  if budget <= 0 and limit > 0 then
    found[1] = from
    return found
  end
end
return found
