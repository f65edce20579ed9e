// Where a worker's events come from: a consumer of its bus, of the one that is there, or of the one that is
// created anew under the same id when that is closed.
#pragma once

#include <evbus/bus.hpp>
#include <evbus/consumer.hpp>
#include <evbus/error.hpp>
#include <evbus/worker_options.hpp>

#include <optional>
#include <utility>

namespace evbus {
inline namespace v1 {
namespace work {

class bus_source {
public:
    /// Throws what consumer throws.
    bus_source(const bus& on, const worker_options& o, const from& where) : bus_(on), how_(read_options_of(o)) { begin_at(where); }

    [[nodiscard]] const bus& home() const noexcept { return bus_; }
    [[nodiscard]] consumer& reader() noexcept { return *reader_; }
    /// Reads from `where` on; throws what consumer throws, and may then be asked again.
    void begin_at(const from& where) {
        how_.from = where;
        reader_.reset(); // gives its place among the members back
        reader_.emplace(bus_, how_);
        load_ = 0;
    }
    /// How much of the room for waiting letters is taken, 0 to 1 and above.
    void set_load(double level) {
        if (level == load_) [[likely]] return;
        load_ = level;
        reader_->set_load(level);
    }
    /// True when the bus was created anew, and is read from `where` on: the same bus, in a new ring.
    [[nodiscard]] bool follow(const from& where) {
        try {
            bus anew = bus::open(bus_.name());
            if (anew.id() != bus_.id() || anew.epoch() == bus_.epoch() || anew.is_retired()) return false;
            how_.from = where;
            consumer reader(anew, how_);
            reader_.emplace(std::move(reader));
            load_ = 0;
            bus_ = std::move(anew);
            return true;
        } catch (const error&) { // not there, or not to be had yet
            return false;
        }
    }

private:
    static read_options read_options_of(const worker_options& o) {
        read_options r;
        r.filters = o.filters;
        r.exclude = o.exclude;
        r.headers = o.headers;
        r.durable_only = o.durable_only;
        r.wait = o.wait;
        r.spin = o.spin;
        r.name = o.name;
        r.on_notice = o.on_notice;
        r.max_buffered_bytes = o.max_buffered_bytes;
        r.marks = o.marks;
        r.on_pressure = o.on_pressure;
        return r;
    }

    bus bus_;
    read_options how_;
    std::optional<consumer> reader_;
    double load_ = 0; ///< as the reader was told
};

} // namespace work
} // namespace v1
} // namespace evbus
