//! What was said in the last week.

/// When a story began.
#[derive(Clone, Copy)]
pub(super) enum When {
    /// So many days ago, at this hour and minute.
    DaysAgo(i64, i64, i64),
    /// So many minutes before the hotel was filled.
    MinutesAgo(i64),
}

/// One conversation.
pub(super) struct Story {
    pub(super) guest: &'static str,
    pub(super) department: &'static str,
    pub(super) when: When,
    pub(super) closed: bool,
    /// Minutes after the line before, who (nobody: the guest), what.
    pub(super) lines: &'static [(i64, &'static str, &'static str)],
}

type Lines = &'static [(i64, &'static str, &'static str)];

const fn closed(guest: &'static str, department: &'static str, when: When, lines: Lines) -> Story {
    Story { guest, department, when, closed: true, lines }
}

const fn open(guest: &'static str, department: &'static str, when: When, lines: Lines) -> Story {
    Story { guest, department, when, closed: false, lines }
}

use When::{DaysAgo, MinutesAgo};

/// All of them.
pub(super) const PAST: &[Story] = &[
    closed(
        "johansson",
        "reception",
        DaysAgo(7, 14, 12),
        &[
            (0, "", "Hej! We land at 16:40. Is it still possible to get the shuttle to the hotel?"),
            (
                3,
                "raj",
                "Good afternoon Mr Johansson, yes: it leaves the airport at 17:15 from stop B. I have put two seats aside for you.",
            ),
            (2, "", "Perfect, we'll be there. Thank you!"),
            (1, "raj", "Have a good flight. Your room will be ready."),
        ],
    ),
    closed(
        "rossi",
        "housekeeping",
        DaysAgo(6, 17, 5),
        &[
            (0, "", "Buonasera, potrei avere un cuscino in più nella 211?"),
            (
                4,
                "lucia",
                "Buonasera signora Rossi, glielo portiamo subito. Lo preferisce morbido o rigido?",
            ),
            (1, "", "Morbido, grazie mille!"),
            (6, "lucia", "È davanti alla porta. Buona serata!"),
        ],
    ),
    closed(
        "meier",
        "reception",
        DaysAgo(6, 18, 31),
        &[
            (0, "", "Grüezi, gibt es bei Ihnen einen Skiraum?"),
            (
                2,
                "jonas",
                "Grüezi Frau Meier, ja: im Untergeschoss neben der Garage. Ihre Zimmerkarte öffnet die Tür, die Schuhtrockner sind rechts.",
            ),
            (3, "", "Super, merci vielmal"),
        ],
    ),
    closed(
        "martinez",
        "restaurant",
        DaysAgo(6, 19, 2),
        &[
            (0, "", "Hola, ¿tienen mesa para cuatro esta noche a las 20:30?"),
            (
                5,
                "marco",
                "Buenas tardes, señora Martínez. A las 20:30 está completo, pero a las 20:45 tengo una mesa junto a la ventana. ¿Le va bien?",
            ),
            (2, "", "Sí, perfecto, gracias"),
            (1, "marco", "Reservada. ¡Hasta luego!"),
        ],
    ),
    closed(
        "muller",
        "reception",
        DaysAgo(5, 15, 48),
        &[
            (
                0,
                "",
                "Hallo, wir stecken leider im Stau und kommen erst gegen 23 Uhr an. Ist dann noch jemand da?",
            ),
            (
                2,
                "jonas",
                "Guten Tag Frau Müller, kein Problem: die Rezeption ist rund um die Uhr besetzt. Fahren Sie vorsichtig!",
            ),
            (1, "", "Da bin ich beruhigt, danke!"),
        ],
    ),
    closed(
        "wilson",
        "room_service",
        DaysAgo(5, 21, 14),
        &[
            (0, "", "Hi! Any chance of a cheese plate and two glasses of red to 109?"),
            (
                3,
                "ben",
                "Good evening Ms Wilson, with pleasure. We have a local Pinot Noir or a Merlot from Ticino, which one would you like?",
            ),
            (1, "", "The Pinot please :)"),
            (1, "ben", "It will be with you in about 20 minutes."),
            (24, "", "Just arrived, looks delicious. Thanks!"),
        ],
    ),
    closed(
        "nguyen",
        "housekeeping",
        DaysAgo(5, 22, 40),
        &[
            (0, "", "Hello, the air conditioning in 206 makes a loud noise and I can't sleep."),
            (
                5,
                "tomasz",
                "I'm sorry about that. I can come up now to have a look, or would you prefer another room for tonight?",
            ),
            (2, "", "Please come and look, thank you."),
            (
                17,
                "tomasz",
                "The fan had come loose; it is fixed now. Please tell us if you hear it again. Sleep well!",
            ),
            (3, "", "So quiet now. Thank you very much!"),
        ],
    ),
    closed(
        "ramirez",
        "reception",
        DaysAgo(5, 10, 20),
        &[
            (0, "", "Buenos días, ¿a qué hora es el desayuno el domingo?"),
            (
                2,
                "lea",
                "Buenos días, señora Ramírez. El domingo de 7:30 a 11:00, en el salón con vistas al lago.",
            ),
            (1, "", "Muchas gracias"),
        ],
    ),
    closed(
        "devries",
        "reception",
        DaysAgo(4, 16, 3),
        &[
            (0, "", "Goedemiddag, kunnen we bij jullie fietsen huren?"),
            (
                4,
                "lea",
                "Goedemiddag meneer De Vries! Yes, we have ten bikes and four e-bikes. How many would you need, and for when?",
            ),
            (3, "", "Two e-bikes for tomorrow morning, around 9 please"),
            (2, "lea", "Both are reserved from 9:00 to 18:00, CHF 45 each. Helmets are included."),
            (1, "", "Great, dank je wel!"),
        ],
    ),
    closed(
        "yilmaz",
        "restaurant",
        DaysAgo(4, 12, 25),
        &[
            (0, "", "Merhaba, menüde helal et var mı?"),
            (
                6,
                "sofie",
                "Merhaba Emre Bey, our lamb and chicken are halal certified. The beef is not. I can mark the dishes for you on tonight's menu.",
            ),
            (2, "", "That would be wonderful, teşekkürler"),
        ],
    ),
    closed(
        "andersen",
        "housekeeping",
        DaysAgo(4, 18, 10),
        &[
            (0, "", "Hi, could we get a baby cot for room 303?"),
            (
                2,
                "fatima",
                "Of course, Ms Andersen. We will set it up while you are at dinner. Do you also need a bottle warmer?",
            ),
            (1, "", "Yes please, tak!"),
            (58, "fatima", "The cot and the warmer are in your room."),
        ],
    ),
    closed(
        "costa",
        "reception",
        DaysAgo(4, 9, 41),
        &[
            (0, "", "Buongiorno! È possibile lasciare i bagagli dopo il check-out?"),
            (
                1,
                "raj",
                "Buongiorno signora Costa, certo: il deposito bagagli è gratuito, fino a sera.",
            ),
            (2, "", "Ottimo, grazie"),
        ],
    ),
    closed(
        "amelia",
        "reception",
        DaysAgo(3, 15, 22),
        &[
            (
                0,
                "",
                "Hello! We've booked a lake view but 204 looks onto the courtyard. Could somebody check please?",
            ),
            (
                4,
                "raj",
                "Good afternoon Ms Hart, I'm sorry. You are right: your booking says lake view. The room above yours, 304, faces the lake but will only be free tomorrow.",
            ),
            (2, "", "Tomorrow is fine, but we've just unpacked everything…"),
            (
                2,
                "raj",
                "I understand. If you would rather stay, I can take the difference off your bill for all five nights.",
            ),
            (3, "", "Let's do that. Thank you for being so quick."),
            (
                1,
                "raj",
                "Done. And there are two vouchers for the sauna waiting for you at the desk.",
            ),
        ],
    ),
    closed(
        "sharma",
        "reception",
        DaysAgo(3, 11, 7),
        &[
            (0, "", "नमस्ते, क्या यहाँ पास में कोई शाकाहारी रेस्टोरेंट है?"),
            (
                6,
                "raj",
                "नमस्ते प्रिया जी! हाँ, “Hiltl am See” पैदल 8 मिनट पर है, और हमारे रेस्टोरेंट में भी रोज़ चार शाकाहारी व्यंजन होते हैं। क्या मैं टेबल बुक कर दूँ?",
            ),
            (3, "", "जी हाँ, आज रात 8 बजे दो लोगों के लिए, होटल में ही।"),
            (2, "raj", "हो गया: रात 8 बजे, खिड़की वाली टेबल।"),
        ],
    ),
    closed(
        "kim",
        "reception",
        DaysAgo(3, 20, 30),
        &[
            (0, "", "Hi, what's the wifi password? The card in my room is missing."),
            (
                1,
                "jonas",
                "Good evening! The network is “Seeblick Guest”; sign in with your room number and your last name. I'll have a new card brought up.",
            ),
            (1, "", "Works. Thanks!"),
        ],
    ),
    closed(
        "schneider",
        "management",
        DaysAgo(3, 13, 15),
        &[
            (
                0,
                "",
                "Guten Tag, auf meiner Rechnung vom letzten Aufenthalt fehlt die Firmenadresse. Können Sie mir eine neue ausstellen?",
            ),
            (
                22,
                "helen",
                "Guten Tag Herr Schneider, gern. Ist es die Schneider Metallbau GmbH in Ulm?",
            ),
            (5, "", "Genau."),
            (9, "helen", "Die berichtigte Rechnung ist als PDF an Ihre E-Mail-Adresse unterwegs."),
            (2, "", "Angekommen, vielen Dank."),
        ],
    ),
    closed(
        "popescu",
        "room_service",
        DaysAgo(3, 23, 2),
        &[
            (0, "", "Is the kitchen still open?"),
            (
                2,
                "chloe",
                "The kitchen closes at 22:30, but we serve soup, sandwiches and the cake of the day all night. What can we bring you?",
            ),
            (2, "", "A club sandwich and a mint tea, please. Room 304."),
            (1, "chloe", "On its way in 15 minutes."),
        ],
    ),
    closed(
        "bernard",
        "housekeeping",
        DaysAgo(3, 9, 55),
        &[
            (
                0,
                "",
                "Bonjour, pourriez-vous passer faire la chambre après 14h aujourd’hui ? Le petit dort encore.",
            ),
            (3, "fatima", "Bonjour Madame Bernard, bien sûr. Nous passerons vers 15 h."),
            (1, "", "Merci beaucoup !"),
        ],
    ),
    closed(
        "tanaka",
        "reception",
        DaysAgo(2, 17, 44),
        &[
            (0, "", "こんにちは。明日の朝6時にタクシーをお願いできますか？"),
            (
                5,
                "lea",
                "こんにちは、田中様。明朝6:00にタクシーを手配しました。空港までは約35分、料金は約70フランです。",
            ),
            (2, "", "ありがとうございます。"),
        ],
    ),
    closed(
        "brown",
        "reception",
        DaysAgo(2, 16, 12),
        &[
            (0, "", "Hey, can you print my boarding pass? I'll email it over"),
            (
                1,
                "raj",
                "Sure, Mr Brown. Please send it to desk@seeblick.example and give us five minutes.",
            ),
            (6, "raj", "It's printed and waiting for you at the desk."),
            (1, "", "awesome"),
        ],
    ),
    closed(
        "chen",
        "restaurant",
        DaysAgo(2, 18, 20),
        &[
            (0, "", "你好，请问晚餐有没有不含坚果的菜？我女儿对坚果过敏。"),
            (
                7,
                "marco",
                "您好，陈先生。有的：我已经通知厨房，您女儿的菜会单独准备，甜点我们也有无坚果的选择。",
            ),
            (2, "", "太好了，非常感谢！"),
        ],
    ),
    closed(
        "lefevre",
        "reception",
        DaysAgo(2, 19, 36),
        &[
            (0, "", "Bonsoir, y a-t-il une pharmacie ouverte à cette heure-ci ?"),
            (
                2,
                "lea",
                "Bonsoir Madame Lefèvre, la pharmacie de la gare est ouverte jusqu’à 22 h, à dix minutes à pied. Avez-vous besoin d’aide ?",
            ),
            (2, "", "Non, juste un sirop pour la toux. Merci !"),
            (1, "lea", "Bon rétablissement."),
        ],
    ),
    closed(
        "haddad",
        "reception",
        DaysAgo(2, 12, 2),
        &[
            (0, "", "Bonjour, de quel côté est la Mecque depuis la chambre 307 ?"),
            (
                4,
                "lea",
                "Bonjour Monsieur Mansour, la direction est indiquée par une petite flèche dans le tiroir du bureau : face à la fenêtre, légèrement à droite. Nous pouvons aussi vous apporter un tapis de prière.",
            ),
            (3, "", "C’est très attentionné, oui volontiers."),
            (12, "lea", "Il est devant votre porte."),
        ],
    ),
    closed(
        "virtanen",
        "reception",
        DaysAgo(2, 21, 18),
        &[
            (0, "", "Hei! How late is the sauna open? It is important :D"),
            (
                1,
                "jonas",
                "Hei! Until 23:00, and for guests from Finland I will not look at the clock too closely.",
            ),
            (1, "", "Kiitos! Best hotel."),
        ],
    ),
    closed(
        "garcia",
        "housekeeping",
        DaysAgo(2, 14, 50),
        &[
            (0, "", "Hola, falta papel higiénico en la 309"),
            (2, "lucia", "Disculpe, señor García, subo ahora mismo."),
            (9, "", "Gracias, muy amable"),
        ],
    ),
    closed(
        "fischer",
        "restaurant",
        DaysAgo(2, 9, 12),
        &[
            (0, "", "Guten Morgen, haben Sie beim Frühstück auch glutenfreies Brot?"),
            (
                3,
                "sofie",
                "Guten Morgen Frau Fischer, ja: fragen Sie einfach nach dem Korb mit dem grünen Band, er wird getrennt gelagert und aufgebacken.",
            ),
            (2, "", "Wunderbar, danke"),
        ],
    ),
    closed(
        "novak",
        "reception",
        DaysAgo(1, 10, 33),
        &[
            (0, "", "Dobrý den, do you sell tickets for the boat to the island?"),
            (
                2,
                "raj",
                "Dobrý den! Yes, at the desk, CHF 18 per person. The boats leave at 10:00, 13:00 and 15:30 from the pier in front of the hotel.",
            ),
            (3, "", "Two for 13:00 please, room 208."),
            (1, "raj", "They are on your room bill and ready at the desk."),
        ],
    ),
    closed(
        "santos",
        "housekeeping",
        DaysAgo(1, 18, 47),
        &[
            (0, "", "Boa tarde! Podem trazer mais duas toalhas de banho ao 402?"),
            (3, "lucia", "Boa tarde, senhora Santos. Já estamos a subir."),
            (8, "", "Obrigada!"),
        ],
    ),
    closed(
        "kowalska",
        "reception",
        DaysAgo(1, 15, 9),
        &[
            (0, "", "Dzień dobry, czy mogę wymeldować się o 13:00 zamiast o 11:00?"),
            (4, "raj", "Dzień dobry pani Agnieszko, oczywiście, bez dopłaty. Życzymy miłego dnia!"),
            (1, "", "Bardzo dziękuję!"),
        ],
    ),
    closed(
        "okafor",
        "room_service",
        DaysAgo(1, 20, 5),
        &[
            (0, "", "Good evening. One jollof rice, if such a thing exists in Switzerland?"),
            (
                2,
                "ben",
                "Good evening sir. You are lucky: I am from Enugu and the chef owes me a favour. 40 minutes?",
            ),
            (1, "", "My brother! Take an hour if you need to."),
            (49, "", "This is the best thing that has happened to me this week. Thank you."),
            (2, "ben", "The pleasure is all mine."),
        ],
    ),
    closed(
        "alhassan",
        "reception",
        DaysAgo(1, 16, 30),
        &[
            (0, "", "مساء الخير، هل يمكن الحصول على غرفة بباب متصل لأولادي؟"),
            (
                5,
                "ana",
                "مساء الخير سيدة ليلى، الغرفتان 505 و507 متصلتان، ويمكن لأولادكم الانتقال إلى 507 اعتبارًا من الليلة.",
            ),
            (2, "", "ممتاز، شكرًا جزيلاً"),
            (3, "ana", "المفاتيح جاهزة في الاستقبال. أهلاً بكم!"),
        ],
    ),
    closed(
        "silva",
        "reception",
        DaysAgo(1, 22, 1),
        &[
            (0, "", "Oi! Esqueci o carregador do celular. Vocês emprestam um USB-C?"),
            (1, "jonas", "Boa noite! Sim, temos na recepção. Quer que eu mande subir ao 401?"),
            (1, "", "Por favor! Valeu!"),
        ],
    ),
    closed(
        "huber",
        "management",
        DaysAgo(1, 11, 25),
        &[
            (
                0,
                "",
                "Servus! Wir planen im Mai eine Klausur mit 14 Leuten. Haben Sie einen Seminarraum?",
            ),
            (
                31,
                "helen",
                "Grüß Gott Herr Huber, ja: das Seezimmer fasst 20 Personen, mit Leinwand und Terrasse. Welche Tage schweben Ihnen vor?",
            ),
            (6, "", "11. bis 13. Mai wäre ideal"),
            (
                14,
                "helen",
                "Das ist frei, ich halte es Ihnen bis Freitag. Das Angebot kommt heute noch per E-Mail.",
            ),
            (3, "", "Spitze, danke!"),
        ],
    ),
    // Under way: answered, and still open.
    open(
        "ferrari",
        "reception",
        MinutesAgo(190),
        &[
            (0, "", "Salve, siamo appena arrivati: dove possiamo parcheggiare il camper?"),
            (
                3,
                "raj",
                "Buongiorno signor Ferrari, dietro l’hotel c’è il posteggio P3, senza limite di altezza. Le porto io il pass.",
            ),
            (2, "", "Gentilissimo!"),
            (4, "raj", "Il pass vale fino a domenica prossima. Buone vacanze!"),
        ],
    ),
    open(
        "dupont",
        "reception",
        MinutesAgo(140),
        &[
            (0, "", "Bonjour, ma carte de chambre ne fonctionne plus depuis ce midi (103)."),
            (
                2,
                "lea",
                "Bonjour Monsieur Dupont, je vous en prépare une nouvelle, elle vous attend à la réception. Elle se démagnétise parfois près du téléphone.",
            ),
            (3, "", "Ah, ça doit être ça. J’arrive."),
            (6, "lea", "Voilà, bonne soirée !"),
        ],
    ),
    open(
        "davies",
        "housekeeping",
        MinutesAgo(95),
        &[
            (0, "", "Hiya, the window in 408 won't close properly and it's baltic in here"),
            (
                4,
                "tomasz",
                "Sorry to hear that! I'm on my way with a spare heater and a screwdriver.",
            ),
            (1, "", "You're a star"),
            (
                21,
                "tomasz",
                "The hinge is replaced. I left the heater in case you want it warmer tonight.",
            ),
        ],
    ),
    open(
        "thompson",
        "reception",
        MinutesAgo(75),
        &[
            (
                0,
                "",
                "Hi there, first time in town. Anything we shouldn't miss with two kids (6 and 9)?",
            ),
            (
                5,
                "ana",
                "Welcome Mr Thompson! The cable car and the toboggan run are a hit with that age, and on rainy days the chocolate workshop by the station. Shall I book anything?",
            ),
            (4, "", "The chocolate workshop for tomorrow sounds great, 4 people"),
            (
                3,
                "ana",
                "Booked for 14:00. The tickets are at the desk, and it is ten minutes on foot.",
            ),
        ],
    ),
    open(
        "fischer",
        "reception",
        MinutesAgo(62),
        &[
            (0, "", "Hallo, könnte ich noch zwei Nächte verlängern?"),
            (
                4,
                "raj",
                "Guten Tag Frau Fischer, sehr gern. Ihr Zimmer 405 ist bis Mittwoch frei. Soll ich es eintragen?",
            ),
            (9, "", "Ja bitte, und gerne wieder mit Frühstück."),
            (2, "raj", "Eingetragen: bis Mittwoch, mit Frühstück."),
        ],
    ),
    open(
        "ito",
        "restaurant",
        MinutesAgo(48),
        &[
            (
                0,
                "",
                "Hello, it is my husband's birthday today. Could you put a candle on his dessert, please?",
            ),
            (
                3,
                "marco",
                "What a nice idea! We will bring the chocolate tart with a candle. What is his name?",
            ),
            (1, "", "Kenji. Thank you so much!"),
            (2, "marco", "Then “Happy birthday Kenji” it is. See you at 19:30."),
        ],
    ),
    open(
        "walker",
        "room_service",
        MinutesAgo(40),
        &[
            (0, "", "Could I have breakfast in the room tomorrow at 7:15? 506"),
            (3, "chloe", "With pleasure. Continental or full English?"),
            (2, "", "Continental, with oat milk if you have it"),
            (1, "chloe", "We do. Continental at 7:15 with oat milk, room 506."),
        ],
    ),
    open(
        "oconnor",
        "reception",
        MinutesAgo(33),
        &[
            (0, "", "Hello, is there a Mass in English nearby on Sunday?"),
            (
                4,
                "helen",
                "Good afternoon Ms O’Connor, yes: at 11:15 in St. Anna, six minutes on foot along the lake.",
            ),
            (2, "", "You're very good, thanks."),
        ],
    ),
    // Waiting for somebody.
    open(
        "amelia",
        "housekeeping",
        MinutesAgo(20),
        &[(0, "", "Could we have two more towels, please? Room 204.")],
    ),
    open(
        "schneider",
        "reception",
        MinutesAgo(31),
        &[
            (0, "", "Guten Abend, unser Fernseher zeigt nur ein blaues Bild."),
            (
                3,
                "jonas",
                "Guten Abend Herr Schneider, haben Sie schon den Knopf „Source“ auf der Fernbedienung versucht?",
            ),
            (16, "", "Ja, leider ohne Erfolg. Könnte jemand vorbeischauen?"),
        ],
    ),
    open(
        "okafor",
        "reception",
        MinutesAgo(6),
        &[(0, "", "Is breakfast included in my booking? I can't find it on the confirmation.")],
    ),
    open(
        "lefevre",
        "restaurant",
        MinutesAgo(6),
        &[(0, "", "Bonsoir, une table pour deux ce soir vers 20 h, si possible au calme ?")],
    ),
    open(
        "rossi",
        "reception",
        MinutesAgo(4),
        &[
            (0, "", "Buonasera, domani partiamo alle 5:30. Possiamo pagare il conto già stasera?"),
            (3, "", "E sarebbe possibile avere un cestino per la colazione?"),
        ],
    ),
    open(
        "brown",
        "room_service",
        MinutesAgo(1),
        &[(0, "", "Can I get a burger and fries to 410? Medium rare, no pickles")],
    ),
];
