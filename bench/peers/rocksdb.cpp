#include "interval_sync.hpp"
#include "stores.hpp"

#include <rocksdb/db.h>
#include <rocksdb/version.h>
#include <rocksdb/write_batch.h>

#include <endian.h>

#include <optional>
#include <stdexcept>

namespace bench::stores {
namespace {

void check(const ::rocksdb::Status& s) {
    if (!s.ok()) throw std::runtime_error("RocksDB: " + s.ToString());
}

/// Key: the seq, big-endian. Value: time, length of the topic, topic, payload. A batch is one write.
class rocksdb_store final : public event_store {
public:
    rocksdb_store(const std::string& dir, durability how) {
        ::rocksdb::Options options;
        options.create_if_missing = true;
        options.compression = ::rocksdb::kNoCompression; // nobody else compresses here
        options.IncreaseParallelism(2);
        ::rocksdb::DB* opened = nullptr;
        check(::rocksdb::DB::Open(options, dir + "/rocksdb", &opened));
        db_.reset(opened);
        write_.sync = how == durability::always;
        if (how == durability::soon) syncing_.emplace([this] { check(db_->SyncWAL()); });
    }

    void append(event_maker& from, std::uint64_t first, std::uint64_t count) override {
        batch_.Clear();
        for (std::uint64_t seq = first; seq < first + count; ++seq) {
            const store_event e = from.make(seq);
            const std::uint64_t key = htobe64(seq);
            const std::uint32_t topic_bytes = static_cast<std::uint32_t>(e.topic.size());
            value_.clear();
            value_.append(reinterpret_cast<const char*>(&e.time_ns), 8);
            value_.append(reinterpret_cast<const char*>(&topic_bytes), 4);
            value_.append(e.topic);
            value_.append(reinterpret_cast<const char*>(e.payload.data()), e.payload.size());
            check(batch_.Put({reinterpret_cast<const char*>(&key), 8}, value_));
        }
        check(db_->Write(write_, &batch_));
    }
    void finish() override {
        if (!syncing_) return;
        syncing_.reset();
        check(db_->SyncWAL());
    }
    void read_all(const std::function<void(const store_event&)>& look) override {
        ::rocksdb::ReadOptions how;
        how.readahead_size = std::size_t{2} << 20;
        const std::unique_ptr<::rocksdb::Iterator> at(db_->NewIterator(how));
        for (at->SeekToFirst(); at->Valid(); at->Next()) {
            const ::rocksdb::Slice value = at->value();
            store_event e;
            std::uint64_t key = 0;
            std::uint32_t topic_bytes = 0;
            std::memcpy(&key, at->key().data(), 8);
            std::memcpy(&e.time_ns, value.data(), 8);
            std::memcpy(&topic_bytes, value.data() + 8, 4);
            e.seq = be64toh(key);
            e.topic = {value.data() + 12, topic_bytes};
            e.payload = {reinterpret_cast<const std::byte*>(value.data()) + 12 + topic_bytes, value.size() - 12 - topic_bytes};
            look(e);
        }
        check(at->status());
    }

private:
    std::unique_ptr<::rocksdb::DB> db_;
    ::rocksdb::WriteOptions write_;
    ::rocksdb::WriteBatch batch_;
    std::string value_;
    std::optional<interval_sync> syncing_;
};

} // namespace

store_kind rocksdb() {
    return {"RocksDB " + std::to_string(ROCKSDB_MAJOR) + "." + std::to_string(ROCKSDB_MINOR) + "." + std::to_string(ROCKSDB_PATCH),
            {"no sync", "SyncWAL each 10 ms", "sync"},
            1'000'000,
            [](const std::string& dir, durability how) { return std::make_unique<rocksdb_store>(dir, how); }};
}

} // namespace bench::stores
