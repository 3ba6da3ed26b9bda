"""English mentions of our own with the label they must get. Hard ones are among them on purpose."""

from __future__ import annotations

from typing import Final

from libs.common.events import Label

EXAMPLES: Final[tuple[tuple[Label, str], ...]] = (
    # Crisis candidates, every theme.
    ("crisis_candidate", "My brakes failed at full speed and my friend is in hospital"),
    ("crisis_candidate", "At 80 mph the front brake just gave out. I could have died."),
    ("crisis_candidate", "The throttle got stuck wide open while I was on the highway"),
    ("crisis_candidate", "Airbag did not deploy in the crash."),
    (
        "crisis_candidate",
        "My daughter was burned by your heater, we spent the night in the emergency room",
    ),
    ("crisis_candidate", "Three people injured after the fork snapped on a test ride"),
    ("crisis_candidate", "The charger caught fire in my garage last night"),
    (
        "crisis_candidate",
        "Huge fire at the Motorrad AG plant right now, flames coming out of the roof",
    ),
    ("crisis_candidate", "found shards of glass in my yoghurt, be careful everyone"),
    ("crisis_candidate", "There was a maggot in the chocolate. In the chocolate!"),
    ("crisis_candidate", "Motorrad AG recalls 12,000 motorcycles over cracked frames"),
    ("crisis_candidate", "Customer data of Motorrad AG leaked, passwords included"),
    ("crisis_candidate", "Your shop shows me other people's orders with their addresses"),
    ("crisis_candidate", "Nationwide outage, nothing works since this morning"),
    ("crisis_candidate", "Prosecutors open fraud investigation into Motorrad AG"),
    (
        "crisis_candidate",
        "The dealer refused to serve us and used a racial slur. Racism, plain and simple.",
    ),
    ("crisis_candidate", "One of your staff groped my sister at the event"),
    ("crisis_candidate", "Boycott Motorrad AG. Share this with everyone you know."),
    ("crisis_candidate", "Please sign this petition against the new plant"),
    ("crisis_candidate", "Caught on video: security guard punched a customer"),
    ("crisis_candidate", "Dead fish all along the river below the factory"),
    ("crisis_candidate", "We're suing. See you in court."),
    (
        "crisis_candidate",
        "I'm a journalist working on a story about your brakes, who can I speak to?",
    ),
    # Complaints.
    ("complaint", "The part is three weeks late and nobody answers the phone."),
    ("complaint", "Worst customer service ever."),
    ("complaint", "The app keeps crashing since the update"),
    ("complaint", "Still waiting for my refund, it has been two months"),
    ("complaint", "Not happy with the seat at all"),
    ("complaint", "Never again. They refused to fix it under warranty."),
    ("complaint", "My order arrived damaged and no one replies"),
    ("complaint", "Way too expensive for such poor quality"),
    ("complaint", "Why is it so hard to reach a human at your company?"),
    ("complaint", "Where is my order? Ordered in March!"),
    ("complaint", "Love the bike but the dealer is useless, rude and slow"),
    ("complaint", "I would not recommend this shop"),
    # Sarcasm.
    ("complaint", "Thanks for nothing, three weeks and no reply."),
    ("complaint", "Great, on hold for two hours again. Brilliant service."),
    ("complaint", "Oh great, another delay."),
    ("complaint", "Love how you charge me twice and never answer 🙄"),
    # Questions.
    ("question", "When will the new tourer be available in blue?"),
    ("question", "Does anyone know which oil the 650 takes?"),
    ("question", "How long does the battery last in winter?"),
    ("question", "Do you ship to Ireland?"),
    ("question", "Is it true that the brakes are being recalled?"),
    ("question", "Quick question, can I move my appointment online"),
    ("question", "What time do you open on Saturday?"),
    # Praise.
    ("praise", "Thanks for the quick help, you guys rock!"),
    ("praise", "No complaints, the bike runs great."),
    ("praise", "Not bad at all, I'm impressed"),
    ("praise", "Absolutely gorgeous machine, best purchase in years"),
    ("praise", "Ridiculously good coffee and a lovely team"),
    ("praise", "The band was on fire tonight, what an amazing show"),
    ("praise", "It has never let me down, highly recommended"),
    ("praise", "Hats off to the workshop, problem solved in ten minutes 👏"),
    # Other.
    ("other", "We're hiring! Mechanics wanted in Leeds, apply now."),
    ("other", "Giveaway: follow and retweet for a chance to win a helmet"),
    ("other", "Motorrad AG will publish its quarterly figures on Thursday."),
    ("other", "Selling my 650, 2019 model, asking price 4200"),
    ("other", "Ride out on Sunday, meeting point is the market square at nine"),
    ("other", "Fire drill at the office today"),
)
