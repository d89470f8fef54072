-- One step of one topic, all or nothing: what TopicState does in a process, for all nodes. Nobody sees it half done, and
-- nobody is told of an entry that was refused.
--
-- KEYS  1 what is known of the topic (hash)   2 its entries (stream, ids <offset>-0)   3 the generation (hash)
-- ARGV  1 verb   2 channel   3 chance, for an epoch   then, by verb:
--   read    4 after which epoch   5 and offset   6 how many entries at most
--   renew
--   fence   4 case   5 takeover   6 lease
--   fact    4 case   5 takeover or ''   6 lease   7 number     8 ends which reply or ''   9 of which attempt, '' for any
--           10 sealed   11 kept   12 kept while replying   13 seconds to keep the topic
--   reply   4 case   5 takeover   6 lease   7 started|delta|snapshot   8 reply   9 attempt   10 n or through
--           11 sealed   12 kept   13 kept while replying   14 seconds
-- Answers { outcome, epoch, offset or last, … }
--
-- The hash: epoch, gen, last (offset), fact (number), f:<case> = takeover:lease, r:<reply> = attempt:through:startedAt

local meta, stream, generations = KEYS[1], KEYS[2], KEYS[3]
local verb, channel = ARGV[1], ARGV[2]
local generation = redis.call('HGET', generations, 'n') or '0'

local known = redis.call('HMGET', meta, 'epoch', 'gen', 'last', 'fact')
local epoch, last, fact = known[1], tonumber(known[3] or '0'), tonumber(known[4] or '')

local function begin()
  redis.call('DEL', meta, stream)
  epoch, last, fact = generation .. 'x' .. ARGV[3], 0, nil
  redis.call('HSET', meta, 'epoch', epoch, 'gen', generation, 'last', 0)
end

-- Gone (FLUSHALL, its time was over), or of a history that may have been lost.
if not epoch or known[2] ~= generation then begin() end

if verb == 'read' then
  local after, from, how = tonumber(ARGV[5]), '-', 'whole'
  if epoch == ARGV[4] and after <= last then from, how = '(' .. after .. '-0', 'rest' end
  return { how, epoch, last, fact or -1, redis.call('XRANGE', stream, from, '+', 'COUNT', tonumber(ARGV[6])) }
end

if verb == 'renew' then
  begin()
  redis.call('PUBLISH', channel, epoch .. ' 0 ')
  return { 'renewed', epoch, 0 }
end

local case = 'f:' .. ARGV[4]

local function fence()
  local held = redis.call('HGET', meta, case)
  if not held then return nil, nil end
  local takeover, lease = string.match(held, '^(%d+):(%d+)$')
  return tonumber(takeover), tonumber(lease)
end

local function raise(takeover, lease)
  local t, l = fence()
  redis.call('HSET', meta, case, math.max(takeover, t or 0) .. ':' .. math.max(lease, l or 0))
end

if verb == 'fence' then
  raise(tonumber(ARGV[5]), tonumber(ARGV[6]))
  return { 'raised', epoch, last }
end

local function append(sealed, kept, keptReplying, seconds)
  last = last + 1
  redis.call('HSET', meta, 'last', last)
  redis.call('XADD', stream, last .. '-0', 'd', sealed)
  redis.call('PUBLISH', channel, epoch .. ' ' .. last .. ' ' .. sealed)
  if last % 64 == 1 then
    redis.call('EXPIRE', meta, seconds)
    redis.call('EXPIRE', stream, seconds)
    -- Seldom, because it looks at every running reply; what is kept a little longer hurts nobody.
    local first = last - kept + 1
    if first > 1 then
      local all = redis.call('HGETALL', meta)
      for i = 1, #all, 2 do
        if string.sub(all[i], 1, 2) == 'r:' then
          local startedAt = tonumber(string.match(all[i + 1], '^%d+:%d+:(%d+)$'))
          first = math.min(first, startedAt)
        end
      end
      first = math.max(first, last - keptReplying + 1)
      redis.call('XTRIM', stream, 'MINID', first .. '-0')
    end
  end
  return { 'appended', epoch, last }
end

if verb == 'fact' then
  local number = tonumber(ARGV[7])
  if fact then
    if number <= fact then return { 'duplicate', epoch, fact } end
    if number > fact + 1 then return { 'behind', epoch, fact } end
  end
  redis.call('HSET', meta, 'fact', number)
  if ARGV[5] ~= '' then raise(tonumber(ARGV[5]), tonumber(ARGV[6])) end
  if ARGV[8] ~= '' then
    local held = redis.call('HGET', meta, 'r:' .. ARGV[8])
    if held and (ARGV[9] == '' or tonumber(string.match(held, '^(%d+):')) <= tonumber(ARGV[9])) then
      redis.call('HDEL', meta, 'r:' .. ARGV[8])
    end
  end
  return append(ARGV[10], tonumber(ARGV[11]), tonumber(ARGV[12]), ARGV[13])
end

-- reply
local takeover, lease = tonumber(ARGV[5]), tonumber(ARGV[6])
local t, l = fence()
if not t then return { 'unknown_fence', epoch, last } end
if takeover ~= t or lease < l then return { 'fenced', epoch, last } end

local what, reply, attempt, n = ARGV[7], 'r:' .. ARGV[8], tonumber(ARGV[9]), tonumber(ARGV[10])
local held = redis.call('HGET', meta, reply)
local heldAttempt, through, startedAt
if held then
  local a, b, c = string.match(held, '^(%d+):(%d+):(%d+)$')
  heldAttempt, through, startedAt = tonumber(a), tonumber(b), tonumber(c)
end

if what == 'started' then
  if held and heldAttempt >= attempt then return { 'duplicate', epoch, last } end
  through, startedAt = 0, last + 1
elseif what == 'delta' then
  -- Its beginning is not here: it was lost, or the attempt is over.
  if not held or heldAttempt ~= attempt then return { 'behind', epoch, 0 } end
  if n <= through then return { 'duplicate', epoch, last } end
  if n > through + 1 then return { 'behind', epoch, through } end
  through = n
else
  if held and (heldAttempt > attempt or (heldAttempt == attempt and through >= n)) then
    return { 'duplicate', epoch, last }
  end
  through, startedAt = n, startedAt or last + 1
end
redis.call('HSET', meta, reply, attempt .. ':' .. through .. ':' .. startedAt)
raise(takeover, lease)
return append(ARGV[11], tonumber(ARGV[12]), tonumber(ARGV[13]), ARGV[14])
