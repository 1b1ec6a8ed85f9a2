"""The orders of the store: what the order of an id holds, before and after changes, and the dates and filters of them.

Nothing is kept per base order. Writing them out as JSON is order_encoding's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

from agent.sandbox import money
from agent.sandbox.baskets import BASKETS, Basket, baskets, long_basket
from agent.sandbox.dice import kind_seed
from agent.sandbox.options import SandboxOptions
from agent.sandbox.people import Person, person
from agent.sandbox.selection import Finder
from agent.sandbox.statuses import FREQUENT, next_status
from agent.sandbox.timeline import Timeline

PEOPLE = 512
PAYMENT_METHODS = ("Credit Card", "PayPal", "Bank Deposit", "Cash on Delivery")


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """What an order's filters and its encoding are decided by."""

    id: int
    basket: Basket
    customer_id: int
    person: int
    status_id: int
    payment_method: str


class Orders:
    """All orders of one store."""

    def __init__(self, options: SandboxOptions) -> None:
        self.timeline = Timeline(seed=options.seed, kind="order", base_count=options.orders)
        self.finder = Finder(self.timeline)
        self.people: tuple[Person, ...] = tuple(person(options.seed, "person", number) for number in range(PEOPLE))
        self.customers = options.customers
        self.order_seed = kind_seed(options.seed, "order")
        self.customer_seed = kind_seed(options.seed, "customer")
        self.long_every = options.long_order_every
        self.baskets = baskets(options.seed, options.products)
        self.long_basket = long_basket(options.seed, options.products, options.long_order_lines)
        self._totals = {id(basket): basket.total for basket in (*self.baskets, self.long_basket)}

    def facts(self, number: int) -> OrderFacts:
        """The order of an id as it is now. The id must exist."""
        chance = self.chance(number)
        customer_id = self.customer_of(chance)
        return OrderFacts(
            id=number,
            basket=self.basket_of(number, chance),
            customer_id=customer_id,
            person=self.person_of(number, customer_id),
            status_id=self.status_of(number, chance),
            payment_method=self.payment_method_of(number, chance),
        )

    def chance(self, number: int) -> int:
        """The number that decides everything about a base order."""
        return crc32(b"%d" % number, self.order_seed)

    def basket_of(self, number: int, chance: int) -> Basket:
        """What was bought."""
        if self.long_every and number % self.long_every == 0:
            return self.long_basket
        return self.baskets[chance >> 8 & (BASKETS - 1)]

    def customer_of(self, chance: int) -> int:
        """Who bought: 0 is a guest, one order in sixteen."""
        if chance >> 16 & 15 == 0 or not self.customers:
            return 0
        return (chance >> 3) * 7919 % self.customers + 1

    def person_of(self, number: int, customer_id: int) -> int:
        """Whose name and address the order carries, as an index of people."""
        if customer_id:
            return crc32(b"%d" % customer_id, self.customer_seed) % PEOPLE
        return number % PEOPLE

    def status_of(self, number: int, chance: int) -> int:
        """The state that an order is in."""
        if number not in self.timeline.changes:
            return FREQUENT[chance & 63]
        status_id = self.value(number, "status_id", FREQUENT[chance & 63])
        assert isinstance(status_id, int)
        return status_id

    def payment_method_of(self, number: int, chance: int) -> str:
        """How it was paid."""
        return str(self.value(number, "payment_method", PAYMENT_METHODS[chance >> 6 & 3]))

    def email(self, facts: OrderFacts) -> str:
        """The e-mail address of the billing address."""
        tag = f"c{facts.customer_id}" if facts.customer_id else f"g{facts.id}"
        return self.people[facts.person].email(tag)

    def value(self, number: int, field: str, default: object) -> object:
        """A field that a change may have set."""
        change = self.timeline.changes.get(number)
        return default if change is None else change.values.get(field, default)

    def total_of(self, number: int, chance: int) -> int:
        """The total with tax, in cents."""
        changed = self.value(number, "total_inc_tax", None)
        return self._totals[id(self.basket_of(number, chance))] if changed is None else money.cents(changed)

    def edit(self, number: int, *, now: int, status_id: int | None = None, values: dict[str, object]) -> None:
        """Change an order. Without a status or values, the status moves on. Raises KeyError for an unknown id."""
        if not 1 <= number <= self.timeline.last_id:
            raise KeyError(number)
        changed = dict(values)
        if status_id is not None:
            changed["status_id"] = status_id
        elif not changed:
            changed["status_id"] = next_status(self.facts(number).status_id)
        if "total_inc_tax" in changed:
            total = money.cents(changed["total_inc_tax"])
            changed["total_inc_tax"] = money.text(total)
            changed["total_ex_tax"] = money.text(max(0, total - self.facts(number).basket.total_tax))
        self.timeline.touch(number, now=now, values=changed)
