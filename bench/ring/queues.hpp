// boost's spsc_queue with what an event carries: the queue that one would build instead of a bus.
#pragma once

#include "bench/harness/machine.hpp"
#include "bench/harness/payload.hpp"
#include "bench/harness/process.hpp"
#include "bench/harness/scratch_bus.hpp"

#include <boost/lockfree/spsc_queue.hpp>

#include <cstdint>

namespace bench {

/// What somebody would put into a queue of their own: topic by its hash, time, payload.
template <std::size_t Bytes>
struct record {
    std::uint64_t topic;
    std::uint64_t stamp;
    std::uint64_t spare;
    numbered<Bytes> payload;
};
static_assert(sizeof(record<64>) == 88);

/// One reader's queue, with as many places as the ring.
template <std::size_t Bytes>
struct queue_words {
    boost::lockfree::spsc_queue<record<Bytes>, boost::lockfree::capacity<evbus::default_slots>> queue;
};

/// Fills each reader's queue in turn; waits where one is full.
template <std::size_t Bytes, int Queues = 1>
class queue_writer {
public:
    queue_writer(queue_words<Bytes>* queues, bool shares_its_core) : queues_(queues), rest_(shares_its_core) {}
    bool put(std::uint64_t number) noexcept {
        out_.stamp = ticks();
        out_.payload.set(number);
        for (int q = 0; q < Queues; ++q)
            while (!queues_[q].queue.push(out_)) rest_();
        return true;
    }

private:
    queue_words<Bytes>* queues_;
    relax rest_;
    record<Bytes> out_{evbus::topic_hash(trade_topic), 0, 0, {}};
};

template <std::size_t Bytes, bool Batches = false>
class queue_reader {
public:
    explicit queue_reader(queue_words<Bytes>& words) : queue_(&words.queue) {}
    template <class Look>
    std::size_t take(Look&& look) {
        const auto see = [&](const record<Bytes>& r) {
            look(r.topic == hash_ ? number_of<Bytes>(&r.payload, Bytes) : 0);
        };
        if constexpr (Batches) {
            return queue_->consume_all(see);
        } else {
            record<Bytes> r;
            if (!queue_->pop(r)) return 0;
            see(r);
            return 1;
        }
    }

private:
    decltype(queue_words<Bytes>::queue)* queue_;
    std::uint64_t hash_ = evbus::topic_hash(trade_topic);
};

} // namespace bench
