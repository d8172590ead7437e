-- Put behind rows.lua, before the listings. The filters are ARGV from 2 on, a sign and a value
-- each: the sign is empty without the filter.
local FILTERS = { TENANT, SUBJECT, ACCOUNT, STATE, KEY_ID }
local AFTER_FILTERS = 2 + 2 * (#FILTERS + 2)

local filtered = false
for at = 2, AFTER_FILTERS - 1, 2 do
  filtered = filtered or ARGV[at] ~= ''
end

-- An index only proposes: whether a row is listed, the row itself says.
local function is_wanted(text)
  if not filtered then
    return true
  end
  local row = columns(text)
  local at = 2
  for _, column in ipairs(FILTERS) do
    if ARGV[at] ~= '' and row[column] ~= ARGV[at + 1] then
      return false
    end
    at = at + 2
  end
  if ARGV[at] ~= '' and row[KEY_ID] == ARGV[at + 1] then
    return false
  end
  at = at + 2
  if ARGV[at] ~= '' then
    return row[EXPIRES] ~= '' and tonumber(row[EXPIRES]) < tonumber(ARGV[at + 1])
  end
  return true
end
