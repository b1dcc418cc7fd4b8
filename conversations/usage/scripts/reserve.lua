-- Check all limits of a run, and reserve for all of them or for none.
-- KEYS: the leases, this reservation, then the counter of each limit.
-- ARGV: end of the lease, the run, its facts, "1" to reserve without a check, then of each limit, in one word
-- list: kind (s slides, c calendar, n concurrent), most, need, bucket, buckets in the window, life of the counter.
-- A counter: e its seed, g its generation, u used, h held, of sliding windows f the first bucket,
-- b<n> and r<n> used and held in a bucket.
local force = ARGV[4] == '1'
local function given(i) return string.match(ARGV[4 + i], '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+)$') end
local function text(number) return string.format('%.0f', number) end
if redis.call('EXISTS', KEYS[2]) == 1 then return {'held'} end

-- Drop the buckets that have left the window; returns what is used and held.
local function evict(key, state, oldest)
  local used, held = tonumber(state[2] or '0'), tonumber(state[3] or '0')
  local first = tonumber(state[4] or '-1')
  if first < 0 or first >= oldest then return used, held end
  if oldest - first > 2000 then first = oldest - 2000 end
  for bucket = first, oldest - 1 do
    local both = redis.call('HMGET', key, 'b' .. bucket, 'r' .. bucket)
    if both[1] or both[2] then
      used = used - tonumber(both[1] or '0')
      held = held - tonumber(both[2] or '0')
      redis.call('HDEL', key, 'b' .. bucket, 'r' .. bucket)
    end
  end
  redis.call('HSET', key, 'u', text(used), 'h', text(held), 'f', oldest)
  return used, held
end

-- In how many buckets there is room again.
local function wait_for(key, first, bucket, span, excess)
  local freed = 0
  for at = first, bucket do
    local both = redis.call('HMGET', key, 'b' .. at, 'r' .. at)
    freed = freed + tonumber(both[1] or '0') + tonumber(both[2] or '0')
    if freed >= excess then return at + span - bucket end
  end
  return span
end

local unseeded, over, left = {'unseeded'}, {'over'}, {'ok'}
for i = 1, #KEYS - 2 do
  local key = KEYS[i + 2]
  local kind, most, need, bucket, span = given(i)
  most, need, bucket, span = tonumber(most), tonumber(need), tonumber(bucket), tonumber(span)
  local state = redis.call('HMGET', key, 'e', 'u', 'h', 'f', 'g')
  if kind ~= 'n' and not state[1] then
    unseeded[#unseeded + 1] = tostring(i)
    unseeded[#unseeded + 1] = state[5] or '0'
  end
  local used, held = tonumber(state[2] or '0'), tonumber(state[3] or '0')
  local oldest = bucket - span + 1
  if kind == 's' then used, held = evict(key, state, oldest) end
  local free = most - used - held
  if need > free and need > 0 then
    local wait = 0
    if kind == 's' then
      local first = math.max(oldest, tonumber(state[4] or text(oldest)))
      wait = wait_for(key, first, bucket, span, need - free)
    end
    over[#over + 1] = tostring(i)
    over[#over + 1] = text(free)
    over[#over + 1] = text(wait)
  end
  left[#left + 1] = text(free - need)
end
if not force then
  if #unseeded > 1 then return unseeded end
  if #over > 1 then return over end
end
for i = 1, #KEYS - 2 do
  local key = KEYS[i + 2]
  local kind, _, need, bucket, _, life = given(i)
  redis.call('HINCRBY', key, 'h', need)
  if kind == 's' then
    redis.call('HINCRBY', key, 'r' .. bucket, need)
    redis.call('HSETNX', key, 'f', bucket)
  end
  redis.call('EXPIRE', key, life)
  local seed = redis.call('HGET', key, 'e') or ''
  redis.call('HSET', KEYS[2], 'c' .. i, table.concat({key, kind, need, bucket, seed}, ' '))
end
redis.call('HSET', KEYS[2], 'facts', ARGV[3])
redis.call('EXPIRE', KEYS[2], 86400)
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
return left
