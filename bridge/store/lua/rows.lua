-- Put before the scripts that read or write rows. KEYS[1] is the first part of every key.
local base = KEYS[1]
local VERSION, KEY_ID, TENANT, SUBJECT, ACCOUNT, STATE, EXPIRES = 1, 2, 3, 4, 5, 6, 7

-- A row's text: the length of its columns in four bytes, the columns, the body.
local function columns(text)
  local _, found = cmsgpack.unpack_one(text, 4)
  return found
end

local function body(text)
  return string.sub(text, 5 + struct.unpack('>I4', text))
end

local function row_key(kind, place)
  return base .. ':r:' .. kind .. '\0' .. place
end

local function index_key(letter, kind, value)
  return base .. ':' .. letter .. ':' .. kind .. '\0' .. value
end

-- Rows with an empty column are in no index of it.
local VALUES = { { 's', SUBJECT }, { 'c', ACCOUNT }, { 't', STATE } }

-- Rows with a subject are those that processes keep. A user who may not publish costs a delay only,
-- and must not leave a write half done; whoever listens learns that something went untold.
local function tell(kind, place, before, after)
  if before ~= '' or after ~= '' then
    local lengths = struct.pack('>I4I4I4', #kind, #place, #before)
    local message = lengths .. kind .. place .. before .. after
    local told = redis.pcall('PUBLISH', base .. ':changed', message)
    if type(told) == 'table' and told.err then
      redis.call('INCR', base .. ':n:untold')
    end
  end
end

local function write(kind, place, text, old)
  local new = columns(text)
  tell(kind, place, old and old[SUBJECT] or '', new[SUBJECT])
  redis.call('SET', row_key(kind, place), text)
  if not old then
    redis.call('ZADD', base .. ':a:' .. kind, 0, place)
    redis.call('SADD', base .. ':k', kind)
  end
  for _, each in ipairs(VALUES) do
    local letter, column = each[1], each[2]
    local before = old and old[column] or ''
    if before ~= new[column] then
      if before ~= '' then
        redis.call('ZREM', index_key(letter, kind, before), place)
      end
      if new[column] ~= '' then
        redis.call('ZADD', index_key(letter, kind, new[column]), 0, place)
      end
    end
  end
  local expiry = old and old[EXPIRES] or ''
  if new[EXPIRES] == '' then
    if expiry ~= '' then
      redis.call('ZREM', base .. ':x:' .. kind, place)
    end
  elseif expiry ~= new[EXPIRES] then
    redis.call('ZADD', base .. ':x:' .. kind, new[EXPIRES], place)
  end
end

local function erase(kind, place, old)
  tell(kind, place, old[SUBJECT], '')
  redis.call('DEL', row_key(kind, place))
  redis.call('ZREM', base .. ':a:' .. kind, place)
  for _, each in ipairs(VALUES) do
    if old[each[2]] ~= '' then
      redis.call('ZREM', index_key(each[1], kind, old[each[2]]), place)
    end
  end
  if old[EXPIRES] ~= '' then
    redis.call('ZREM', base .. ':x:' .. kind, place)
  end
  redis.call('ZREM', base .. ':p:' .. kind, place)
end
