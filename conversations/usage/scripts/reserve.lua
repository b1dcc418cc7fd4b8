-- Check all limits of a run, and reserve for all of them or for none.
-- KEYS: the leases, this reservation, then the counter of each limit.
-- ARGV: end of the lease, the run, its facts, "1" to reserve without a check, then of each limit, in one word
-- list: kind (s slides, c calendar, n concurrent), most, need, bucket, buckets in the window, life of the counter.
-- A counter: e its seed, g its generation, u used, h held, x the day on which its life was renewed, of sliding
-- windows f the first bucket, b<n> and r<n> used and held in a bucket.
-- Each command takes about a microsecond, so a counter is read by one and, where nothing is due, written by one.
local force = ARGV[4] == '1'
local today = string.format('%d', tonumber(ARGV[1]) / 86400)
if redis.call('EXISTS', KEYS[2]) == 1 then return {'held'} end

-- Drop the buckets that have left the window; returns what is used and held.
local function evict(key, used, held, first, oldest)
  if oldest - first > 2000 then first = oldest - 2000 end
  for bucket = first, oldest - 1 do
    local both = redis.call('HMGET', key, 'b' .. bucket, 'r' .. bucket)
    if both[1] or both[2] then
      used = used - tonumber(both[1] or '0')
      held = held - tonumber(both[2] or '0')
      redis.call('HDEL', key, 'b' .. bucket, 'r' .. bucket)
    end
  end
  redis.call('HSET', key, 'u', used, 'h', held, 'f', oldest)
  return used, held, oldest
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

local unseeded, over, left, writes = {'unseeded'}, {'over'}, {'ok'}, {}
local noted = {ARGV[3]}
for i = 1, #KEYS - 2 do
  local key = KEYS[i + 2]
  local kind, most, amount, bucket, span, life =
    string.match(ARGV[4 + i], '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+)$')
  local need = tonumber(amount)
  local slides = kind == 's'
  local state = redis.call('HMGET', key, 'e', 'u', 'h', 'g', slides and 'f' or 'x', 'r' .. bucket)
  if kind ~= 'n' and not state[1] then
    unseeded[#unseeded + 1] = i
    unseeded[#unseeded + 1] = state[4] or '0'
  end
  local used, held, first = tonumber(state[2] or '0'), tonumber(state[3] or '0'), nil
  local oldest = bucket - span + 1
  if slides then
    first = tonumber(state[5])
    if first and first < oldest then used, held, first = evict(key, used, held, first, oldest) end
  end
  local free = most - used - held
  if need > free and need > 0 then
    local wait = 0
    if slides then
      wait = wait_for(key, math.max(oldest, first or oldest), tonumber(bucket), tonumber(span), need - free)
    end
    over[#over + 1] = i
    over[#over + 1] = free
    over[#over + 1] = wait
  end
  left[#left + 1] = free - need
  if slides then
    local place = 'r' .. bucket
    writes[i] = {'HSET', key, 'h', held + need, place, (state[6] or 0) + need, 'f', first or bucket}
  else
    writes[i] = {'HINCRBY', key, 'h', amount}
  end
  -- A counter's life is renewed with each bucket, or once a day.
  if slides and not state[6] then
    writes[i].life = life
  elseif not slides and state[5] ~= today then
    writes[i].life, writes[i].today = life, today
  end
  noted[i + 1] = table.concat({key, kind, amount, bucket, state[1] or ''}, ' ')
end
if not force then
  if #unseeded > 1 then return unseeded end
  if #over > 1 then return over end
end
for i = 1, #writes do
  local write = writes[i]
  redis.call(unpack(write))
  if write.today then redis.call('HSET', KEYS[i + 2], 'x', write.today) end
  if write.life then redis.call('EXPIRE', KEYS[i + 2], write.life) end
end
redis.call('SET', KEYS[2], table.concat(noted, '\n'), 'EX', 86400)
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
return left
