// Shows each time in the zone of the person who reads, and keeps the exact one in UTC in its title. Without this, pages say UTC.
"use strict";

const two = (number) => String(number).padStart(2, "0");

for (const shown of document.querySelectorAll("time")) {
  const time = new Date(shown.dateTime);
  if (Number.isNaN(time.getTime())) continue;
  const date = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join("-");
  const clock = [two(time.getHours()), two(time.getMinutes()), two(time.getSeconds())].join(":");
  shown.title = shown.dateTime;
  shown.textContent = `${date} ${clock}`;
}
const zone = document.getElementById("zone");
if (zone) zone.textContent = Intl.DateTimeFormat().resolvedOptions().timeZone;
