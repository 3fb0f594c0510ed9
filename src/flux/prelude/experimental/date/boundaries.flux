package boundaries

import "date"

// days before today begins: 0 is today.
_dayStart = (days) => date.sub(from: today(), d: date.scale(d: 1d, n: days))

// How many days ago the weekday was, 0 to 6.
_daysSince = (weekDay) => (date.weekDay(t: today()) - weekDay + 7) % 7

_from = (start, length) => ({start, stop: date.add(to: start, d: length)})

// The last such day before today.
_last = (weekDay) => {
    days = _daysSince(weekDay)

    return _from(start: _dayStart(days: if days == 0 then 7 else days), length: 1d)
}

yesterday = () => _from(start: _dayStart(days: 1), length: 1d)

monday = () => _last(weekDay: date.Monday)
tuesday = () => _last(weekDay: date.Tuesday)
wednesday = () => _last(weekDay: date.Wednesday)
thursday = () => _last(weekDay: date.Thursday)
friday = () => _last(weekDay: date.Friday)
saturday = () => _last(weekDay: date.Saturday)
sunday = () => _last(weekDay: date.Sunday)

month = (month_offset=0) => {
    this = date.truncate(t: today(), unit: 1mo)

    return _from(start: date.add(to: this, d: date.scale(d: 1mo, n: month_offset)), length: 1mo)
}

week = (week_offset=0, start_sunday=false) => {
    first = if start_sunday then date.Sunday else date.Monday
    this = _dayStart(days: _daysSince(weekDay: first))

    return _from(start: date.add(to: this, d: date.scale(d: 1w, n: week_offset)), length: 1w)
}
