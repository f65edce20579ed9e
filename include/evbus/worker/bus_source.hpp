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
    }
    /// True when the bus was created anew, and is read from `where` on: the same bus, in a new ring.
    [[nodiscard]] bool follow(const from& where) {
        try {
            bus anew = bus::open(bus_.name());
            if (anew.id() != bus_.id() || anew.epoch() == bus_.epoch() || anew.is_retired()) return false;
            how_.from = where;
            consumer reader(anew, how_);
            reader_.emplace(std::move(reader));
            bus_ = std::move(anew);
            return true;
        } catch (const error&) { // not there, or not to be had yet
            return false;
        }
    }

private:
    static read_options read_options_of(const worker_options& o) {
        return {.filters = o.filters, .exclude = o.exclude, .headers = o.headers, .durable_only = o.durable_only, .wait = o.wait, .spin = o.spin, .name = o.name, .on_notice = o.on_notice};
    }

    bus bus_;
    read_options how_;
    std::optional<consumer> reader_;
};

} // namespace work
} // namespace v1
} // namespace evbus
