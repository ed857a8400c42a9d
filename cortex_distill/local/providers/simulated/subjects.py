"""What people write to support about: everyday words and sayings by subject, for writing and for understanding.

General knowledge, as a model has it: written from scratch, before any test data was looked at, for many trades.
"""

from typing import NamedTuple


class Subject(NamedTuple):
    """One thing that people write about."""

    triggers: str
    """Words of a label or definition that call it to mind."""
    words: str
    """Words that speak of it."""
    sayings: tuple[str, ...]
    """How people put it."""


# One paragraph a subject: triggers | words | saying / saying
_TABLE = """
roaming abroad overseas international travel foreign | trip holiday vacation country border airport landed cruise
europe spain italy mexico canada germany france weekend destination flew abroad visiting | I just came back from a
trip abroad / we spent ten days in Spain last month / I crossed the border for a day / I am flying to Canada next week
/ I used my mobile while I was overseas / on holiday I only checked my mail

fee fees charge charges cost price pricing bill billing | charged bill billed invoice pay paid expensive dollars euros
amount extra surcharge statement costs | I was charged far more than I expected / there is an extra amount on my bill
/ nobody told me what it costs / the invoice shows a fee that I do not understand / I paid twice as much as usual

slow slower speed latency lag | slow slowly lagging buffering loading load mbps crawl stream streaming video download
upload pages evening fast throttled unusable freezes | videos keep buffering / pages take forever to load / the speed
test shows barely two Mbps / every download crawls / it was fast until last week / in the evening nothing loads at all

data internet broadband wifi network connection connectivity | internet wifi router online web browsing gigabytes
hotspot modem connect fibre lte | my home internet is the problem / the router has been restarted twice / mobile data
hardly works / I work from home and need the web / I have plenty of gigabytes left

lost lose missing steal stolen theft | left taxi train bus misplaced find thief snatched pickpocket gone robbed police
block lock track disappeared vanished bag | I left it in a taxi / somebody took it out of my bag / I cannot find it
anywhere / it was stolen on the train / it is gone since yesterday / please block it before a thief uses it

phone mobile handset device smartphone | cell iphone android handset device screen battery gadget | it is my only
phone / the handset is nearly new / my phone has all my contacts on it / it is an Android device

add new additional extra another open opening | another second third daughter son wife husband kid child family
partner include extend join | my daughter needs her own / I would like a second one / can my husband be included / we
want to add one more for our son / how do I get another one

line sim number lines | sim number esim plan tariff family lines | I want a further number / should I get an eSIM / on
the same plan if possible / it should share our family plan

close closing cancel cancellation cancelling leave leaving terminate termination end | cancel switch provider
competitor moving goodbye contract terminate leave quit ending stop anymore longer final close elsewhere | I want to
cancel everything / I am switching to another provider / please end my contract / I do not need your service any
longer / what is my final day if I leave now

account profile membership customer | account profile contract membership settings | it concerns my whole account / my
account is ten years old / the profile is in my name

password login log sign access locked credentials authentication | reset forgot forgotten locked verification username
portal sign-in login passcode enter | I forgot my password / the login page throws me out / I am locked out since this
morning / the reset mail never comes / my username is not accepted

card debit credit cards | card atm cash pin chip contactless swallowed machine visa mastercard terminal plastic | the
cash machine kept my card / the chip is not read any more / my new card has not come / the PIN is refused at the till
/ contactless does not work in shops

transfer payment pay payments transfers transaction | transfer sent wire iban recipient beneficiary pending arrived
declined paying payment checkout | the money has not reached the recipient / my payment was declined / the transfer is
pending for days / I typed a wrong IBAN / it was taken twice

currency exchange rate conversion | dollars euros pounds converted rate currency exchange | the rate was worse than
promised / which currencies can I hold / it was converted into dollars

refund reimbursement reimburse money credit | refund reimbursed back credited money repay owed | I am waiting for my
money / when will the refund arrive / you promised to pay me back / nothing was credited yet

return returns send returning | return returned sent back label parcel box unworn unopened tags period days drop | I
would like to send it back / where do I get a return label / the box is unopened / I changed my mind and it was never
worn / how many days do I have to return it

delivery deliver shipping ship order orders late delay tracking parcel shipment | parcel package courier arrive
arrived late driver doorstep tracking carrier delivered waiting dispatched shipped | my parcel should have been here
on Monday / the tracking has not moved for a week / the courier never rang / it says delivered but there is nothing /
where is my order

damage damaged broken defect defective faulty fault quality | crack cracked torn smashed scratched dent hole broke
broken apart snapped loose leaking ripped stopped working | it arrived cracked / it broke on the second day / there is
a tear along the side / it stopped working / the box was smashed

size sizes fit fitting sizing exchange | tight loose small large bigger smaller pinch wide narrow toes half larger
length measure | it is far too tight / I need half a size bigger / it is loose around the heel / the chart said medium
/ can I swap it for a smaller one

wrong incorrect mistaken mix-up mismatch | different colour color instead mistake received else ordered mixed
incorrect blue black pair | I got something else than I ordered / the colour is not the one I chose / two left ones
were in the box / somebody mixed up the labels

warranty repair guarantee service | repair repaired warranty guarantee fix technician spare mend year | is it still
under warranty / how long does a repair take / it came back from repair unmended

upgrade downgrade plan subscription tariff package change | plan upgrade downgrade tier monthly subscription premium
package cheaper renew allowance | I would like a bigger plan / the cheaper package would do for me / my subscription
renewed by itself / what is in the premium tier

promo promotion discount coupon voucher code offer gift | coupon voucher discount code promotion sale offer reduced
percent gift | the code is said to be expired / the discount was not taken off / my voucher does not work at checkout

error bug crash technical app software website outage | error app crashes bug update message install website blank
freezes version reboot down outage | the app closes as soon as I open it / I see an error message / the website shows
a blank page / since the update nothing works

coverage signal reception calls call voice | signal bars reception dropped coverage tower calls voice indoors dead | I
have no signal indoors / calls drop after a minute / there is one bar at most in my street

booking reservation appointment reschedule book | booked reservation appointment date reschedule postpone slot
calendar confirm room table | I have to move my appointment / the booking was never confirmed / can I come a day later

flight baggage luggage airline | flight suitcase luggage boarding gate seat airline baggage delayed plane | my
suitcase did not arrive / the flight was cancelled / I would like to sit next to my child

address details update personal name change moving move | address moved street surname married update correct email
details flat house | we have moved to another street / my surname has changed / my email address is out of date

fraud fraudulent scam suspicious unauthorized unauthorised unrecognized security phishing | scam hacked unknown
strange suspicious recognise recognize stranger phishing fake never | there is a purchase I never made / somebody
pretends to be from your company / I do not recognise this entry

complaint complain staff rude feedback | rude unfriendly complaint manager agent hung unacceptable hold waited
behaviour apology | your agent hung up on me / I waited forty minutes on hold / I want to speak to a manager

setup install installation activate activation configure | activate activation instructions install configure manual
step cable box technician setup | it will not activate / the instructions stop at step three / how do I set it up

stock availability available product information | stock available sold restock shelf size model sell shop store |
when will it be in stock again / do you sell it in other colours / is it available in your shop

insurance claim policy claims | claim policy accident insured cover covered premium damage form | I had an accident
and must make a claim / does my policy cover this / which form do I have to fill in

identity verification verify document | passport selfie photo document verify identity proof upload rejected | my
passport photo was rejected / why must I prove who I am / the selfie check fails each time

limit limits balance withdrawal topup top | limit balance withdraw withdrawal maximum raise topped reached | I have
reached my limit / my balance is wrong / can you raise what I may withdraw

energy electricity gas water meter utility | meter reading power electricity gas heating water outage kilowatt | the
meter reading is wrong / we have had no power since noon / the heating costs doubled

computer laptop printer vpn hardware equipment | laptop printer vpn monitor keyboard mouse docking office charger
hardware | my laptop does not start / the printer is offline again / the VPN drops every hour

payroll salary holiday vacation absence sick leave | salary payslip overtime sick leave vacation days absence manager
approve hours | my payslip lacks the overtime / how many days off do I have left / I am ill and need to report it
"""


def _subject(paragraph: str) -> Subject:
    triggers, words, sayings = " ".join(paragraph.split()).split(" | ")
    return Subject(triggers, words, tuple(sayings.split(" / ")))


SUBJECTS = tuple(_subject(paragraph) for paragraph in _TABLE.strip().split("\n\n"))
