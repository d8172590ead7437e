-- Put behind rows.lua, before the scripts that write rows as they are asked to.
local any_closed = redis.call('EXISTS', base .. ':z') == 1

-- The key of a row, if nothing is written under it any more.
local function closed_key(text)
  local key_id = any_closed and columns(text)[KEY_ID]
  return key_id and redis.call('SISMEMBER', base .. ':z', key_id) == 1 and key_id
end
