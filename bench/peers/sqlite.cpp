#include "stores.hpp"

#include <sqlite3.h>

#include <chrono>
#include <stdexcept>

namespace bench::stores {
namespace {

using namespace std::chrono;

/// One table with the seq as its key, in WAL mode; statements are prepared once.
class sqlite_store final : public event_store {
public:
    sqlite_store(const std::string& dir, durability how) : how_(how) {
        check(sqlite3_open((dir + "/events.db").c_str(), &db_));
        run("PRAGMA journal_mode=WAL");
        run(how == durability::written ? "PRAGMA synchronous=OFF" : "PRAGMA synchronous=FULL");
        run("CREATE TABLE events (seq INTEGER PRIMARY KEY, time INTEGER, topic TEXT, payload BLOB)");
        check(sqlite3_prepare_v2(db_, "INSERT INTO events VALUES (?,?,?,?)", -1, &insert_, nullptr));
    }
    ~sqlite_store() override {
        sqlite3_finalize(insert_);
        sqlite3_close(db_);
    }

    void append(event_maker& from, std::uint64_t first, std::uint64_t count) override {
        if (!open_) run("BEGIN");
        open_ = true;
        for (std::uint64_t seq = first; seq < first + count; ++seq) insert(from.make(seq));
        // Not what is written, but what is committed survives: the interval is between commits.
        if (how_ != durability::soon || steady_clock::now() - committed_ >= soon_interval) commit();
    }
    void finish() override {
        if (open_) commit();
    }
    void read_all(const std::function<void(const store_event&)>& look) override {
        sqlite3_stmt* all = nullptr;
        check(sqlite3_prepare_v2(db_, "SELECT seq, time, topic, payload FROM events ORDER BY seq", -1, &all, nullptr));
        while (sqlite3_step(all) == SQLITE_ROW) {
            const auto* payload = static_cast<const std::byte*>(sqlite3_column_blob(all, 3));
            const auto* topic = reinterpret_cast<const char*>(sqlite3_column_text(all, 2));
            look({static_cast<std::uint64_t>(sqlite3_column_int64(all, 0)), sqlite3_column_int64(all, 1),
                  {topic, static_cast<std::size_t>(sqlite3_column_bytes(all, 2))},
                  {payload, static_cast<std::size_t>(sqlite3_column_bytes(all, 3))}});
        }
        check(sqlite3_finalize(all));
    }

private:
    void insert(const store_event& e) {
        sqlite3_bind_int64(insert_, 1, static_cast<sqlite3_int64>(e.seq));
        sqlite3_bind_int64(insert_, 2, e.time_ns);
        sqlite3_bind_text(insert_, 3, e.topic.data(), static_cast<int>(e.topic.size()), SQLITE_STATIC);
        sqlite3_bind_blob(insert_, 4, e.payload.data(), static_cast<int>(e.payload.size()), SQLITE_STATIC);
        if (sqlite3_step(insert_) != SQLITE_DONE) check(sqlite3_errcode(db_));
        sqlite3_reset(insert_);
    }
    void commit() {
        run("COMMIT");
        open_ = false;
        committed_ = steady_clock::now();
    }
    void run(const char* statement) { check(sqlite3_exec(db_, statement, nullptr, nullptr, nullptr)); }
    void check(int code) const {
        if (code != SQLITE_OK) throw std::runtime_error(std::string("SQLite: ") + sqlite3_errmsg(db_));
    }

    durability how_;
    sqlite3* db_ = nullptr;
    sqlite3_stmt* insert_ = nullptr;
    bool open_ = false;
    steady_clock::time_point committed_ = steady_clock::now();
};

} // namespace

store_kind sqlite() {
    return {std::string("SQLite ") + SQLITE_VERSION,
            {"WAL, OFF", "WAL, FULL, a commit each 10 ms", "WAL, FULL"},
            500'000,
            [](const std::string& dir, durability how) { return std::make_unique<sqlite_store>(dir, how); }};
}

} // namespace bench::stores
